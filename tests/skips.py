"""A pytest plugin: where ``CI`` is set, nothing that could be installed is left untested.

Skipped tests are named with their reasons at the end of a run (``-rfEs``). In CI such a run fails,
unless the reason lies in the machine itself, which no script can install.
"""

import os

import pytest

#: How reasons begin that are about the machine, or about a pair that does not go together.
OF_THE_MACHINE = ("this processor", "Linux alone", "no /dev/full", "no such tower")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in CI that left tests out."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not os.environ.get("CI"):  # None: a worker of pytest-xdist
        return
    reasons = {_reason(report) for report in reporter.stats.get("skipped", [])}
    missing = sorted(reason for reason in reasons if not reason.startswith(OF_THE_MACHINE))
    if missing and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line(f"\nskipped in CI, so failed: {'; '.join(missing)}", red=True)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return str(report.longrepr[2]).removeprefix("Skipped: ")  # (file, line, reason)
