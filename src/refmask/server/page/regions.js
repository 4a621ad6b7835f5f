// Decode masks and draw them. Rows and columns are those of the shown image.

// Decode COCO's compressed RLE: five bits per character, differences from the third run on.
function runsOf(counts) {
  const runs = [];
  for (let at = 0; at < counts.length; ) {
    let value = 0, shift = 0, code;
    do {
      code = counts.charCodeAt(at++) - 48;
      value |= (code & 31) << shift;
      shift += 5;
    } while (code & 32);
    if (code & 16) value |= -1 << shift;
    runs.push(runs.length > 2 ? value + runs[runs.length - 2] : value);
  }
  return runs;
}

// For each column the rows where the mask starts and ends, alternating.
function columnsOf(counts, width, height) {
  const columns = Array.from({ length: width }, () => []);
  let start = 0;
  runsOf(counts).forEach((run, number) => {
    const end = start + run;
    if (number % 2) {
      for (let x = Math.floor(start / height); x * height < end; x++) {
        columns[x].push(Math.max(start - x * height, 0), Math.min(end - x * height, height));
      }
    }
    start = end;
  });
  return columns;
}

function covers(columns, x, y) {
  return columns[x].filter((row) => row <= y).length % 2 === 1;
}

// The mask's border, along the edges of its pixels.
function outlineOf(columns) {
  const path = new Path2D();
  const line = (x0, y0, x1, y1) => { path.moveTo(x0, y0); path.lineTo(x1, y1); };
  const level = new Map(); // rows with an edge in this column, and the start of each edge
  let before = [];
  for (let x = 0; x <= columns.length; x++) {
    const rows = columns[x] ?? [];
    // Rows in only one of two neighbouring columns have a vertical edge between them.
    const turns = [...before, ...rows].sort((a, b) => a - b);
    for (let i = 0; i < turns.length; i += 2) {
      if (turns[i] < turns[i + 1]) line(x, turns[i], x, turns[i + 1]);
    }
    for (const [row, start] of level) {
      if (!rows.includes(row)) { line(start, row, x, row); level.delete(row); }
    }
    for (const row of rows) if (!level.has(row)) level.set(row, x);
    before = rows;
  }
  return path;
}

// The pixels of masks, or those around all of them, in one colour.
function tintOf(masks, width, height, [red, green, blue, alpha], around = false) {
  const sheet = document.createElement("canvas");
  sheet.width = width;
  sheet.height = height;
  const brush = sheet.getContext("2d");
  brush.fillStyle = `rgba(${red}, ${green}, ${blue}, ${alpha})`;
  if (around) brush.fillRect(0, 0, width, height);
  for (const columns of masks) {
    columns.forEach((rows, x) => {
      for (let i = 0; i < rows.length; i += 2) {
        const piece = [x, rows[i], 1, rows[i + 1] - rows[i]];
        around ? brush.clearRect(...piece) : brush.fillRect(...piece);
      }
    });
  }
  return sheet;
}
