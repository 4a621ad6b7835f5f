"""Pretrained tags: which repository of the hub has an architecture's weights of a name.

The architectures' names and the tags are open_clip's. ``-quickgelu`` architectures are those whose
weights were trained with OpenAI's approximation of GELU.
"""

from __future__ import annotations

QUICK = "-quickgelu"

_TABLE = """
RN50-quickgelu openai timm/resnet50_clip.openai
RN50-quickgelu yfcc15m timm/resnet50_clip.yfcc15m
RN50-quickgelu cc12m timm/resnet50_clip.cc12m
RN101-quickgelu openai timm/resnet101_clip.openai
RN101-quickgelu yfcc15m timm/resnet101_clip.yfcc15m
RN50x4-quickgelu openai timm/resnet50x4_clip.openai
RN50x16-quickgelu openai timm/resnet50x16_clip.openai
RN50x64-quickgelu openai timm/resnet50x64_clip.openai
ViT-B-32-quickgelu openai timm/vit_base_patch32_clip_224.openai
ViT-B-32-quickgelu laion400m_e31 timm/vit_base_patch32_clip_224.laion400m_e31
ViT-B-32-quickgelu laion400m_e32 timm/vit_base_patch32_clip_224.laion400m_e32
ViT-B-32-quickgelu metaclip_400m timm/vit_base_patch32_clip_224.metaclip_400m
ViT-B-32-quickgelu metaclip_fullcc timm/vit_base_patch32_clip_224.metaclip_2pt5b
ViT-B-32 laion2b_e16 timm/vit_base_patch32_clip_224.laion2b_e16
ViT-B-32 laion2b_s34b_b79k laion/CLIP-ViT-B-32-laion2B-s34B-b79K
ViT-B-32 datacomp_xl_s13b_b90k laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K
ViT-B-32 datacomp_m_s128m_b4k laion/CLIP-ViT-B-32-DataComp.M-s128M-b4K
ViT-B-32 commonpool_m_clip_s128m_b4k laion/CLIP-ViT-B-32-CommonPool.M.clip-s128M-b4K
ViT-B-32 commonpool_m_laion_s128m_b4k laion/CLIP-ViT-B-32-CommonPool.M.laion-s128M-b4K
ViT-B-32 commonpool_m_image_s128m_b4k laion/CLIP-ViT-B-32-CommonPool.M.image-s128M-b4K
ViT-B-32 commonpool_m_text_s128m_b4k laion/CLIP-ViT-B-32-CommonPool.M.text-s128M-b4K
ViT-B-32 commonpool_m_basic_s128m_b4k laion/CLIP-ViT-B-32-CommonPool.M.basic-s128M-b4K
ViT-B-32 commonpool_m_s128m_b4k laion/CLIP-ViT-B-32-CommonPool.M-s128M-b4K
ViT-B-32 datacomp_s_s13m_b4k laion/CLIP-ViT-B-32-DataComp.S-s13M-b4K
ViT-B-32 commonpool_s_clip_s13m_b4k laion/CLIP-ViT-B-32-CommonPool.S.clip-s13M-b4K
ViT-B-32 commonpool_s_laion_s13m_b4k laion/CLIP-ViT-B-32-CommonPool.S.laion-s13M-b4K
ViT-B-32 commonpool_s_image_s13m_b4k laion/CLIP-ViT-B-32-CommonPool.S.image-s13M-b4K
ViT-B-32 commonpool_s_text_s13m_b4k laion/CLIP-ViT-B-32-CommonPool.S.text-s13M-b4K
ViT-B-32 commonpool_s_basic_s13m_b4k laion/CLIP-ViT-B-32-CommonPool.S.basic-s13M-b4K
ViT-B-32 commonpool_s_s13m_b4k laion/CLIP-ViT-B-32-CommonPool.S-s13M-b4K
ViT-B-32-256 datacomp_s34b_b86k laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K
ViT-B-16-quickgelu openai timm/vit_base_patch16_clip_224.openai
ViT-B-16-quickgelu dfn2b apple/DFN2B-CLIP-ViT-B-16
ViT-B-16-quickgelu metaclip_400m timm/vit_base_patch16_clip_224.metaclip_400m
ViT-B-16-quickgelu metaclip_fullcc timm/vit_base_patch16_clip_224.metaclip_2pt5b
ViT-B-16 laion400m_e31 timm/vit_base_patch16_clip_224.laion400m_e31
ViT-B-16 laion400m_e32 timm/vit_base_patch16_clip_224.laion400m_e32
ViT-B-16 laion2b_s34b_b88k laion/CLIP-ViT-B-16-laion2B-s34B-b88K
ViT-B-16 datacomp_xl_s13b_b90k laion/CLIP-ViT-B-16-DataComp.XL-s13B-b90K
ViT-B-16 datacomp_l_s1b_b8k laion/CLIP-ViT-B-16-DataComp.L-s1B-b8K
ViT-B-16 commonpool_l_clip_s1b_b8k laion/CLIP-ViT-B-16-CommonPool.L.clip-s1B-b8K
ViT-B-16 commonpool_l_laion_s1b_b8k laion/CLIP-ViT-B-16-CommonPool.L.laion-s1B-b8K
ViT-B-16 commonpool_l_image_s1b_b8k laion/CLIP-ViT-B-16-CommonPool.L.image-s1B-b8K
ViT-B-16 commonpool_l_text_s1b_b8k laion/CLIP-ViT-B-16-CommonPool.L.text-s1B-b8K
ViT-B-16 commonpool_l_basic_s1b_b8k laion/CLIP-ViT-B-16-CommonPool.L.basic-s1B-b8K
ViT-B-16 commonpool_l_s1b_b8k laion/CLIP-ViT-B-16-CommonPool.L-s1B-b8K
ViT-B-16-plus-240 laion400m_e31 timm/vit_base_patch16_plus_clip_240.laion400m_e31
ViT-B-16-plus-240 laion400m_e32 timm/vit_base_patch16_plus_clip_240.laion400m_e31
ViT-L-14-quickgelu openai timm/vit_large_patch14_clip_224.openai
ViT-L-14-quickgelu metaclip_400m timm/vit_large_patch14_clip_224.metaclip_400m
ViT-L-14-quickgelu metaclip_fullcc timm/vit_large_patch14_clip_224.metaclip_2pt5b
ViT-L-14-quickgelu dfn2b apple/DFN2B-CLIP-ViT-L-14
ViT-L-14 laion400m_e31 timm/vit_large_patch14_clip_224.laion400m_e31
ViT-L-14 laion400m_e32 timm/vit_large_patch14_clip_224.laion400m_e32
ViT-L-14 laion2b_s32b_b82k laion/CLIP-ViT-L-14-laion2B-s32B-b82K
ViT-L-14 datacomp_xl_s13b_b90k laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K
ViT-L-14 commonpool_xl_clip_s13b_b90k laion/CLIP-ViT-L-14-CommonPool.XL.clip-s13B-b90K
ViT-L-14 commonpool_xl_laion_s13b_b90k laion/CLIP-ViT-L-14-CommonPool.XL.laion-s13B-b90K
ViT-L-14 commonpool_xl_s13b_b90k laion/CLIP-ViT-L-14-CommonPool.XL-s13B-b90K
ViT-L-14 dfn2b_s39b apple/DFN2B-CLIP-ViT-L-14-39B
ViT-L-14-336-quickgelu openai timm/vit_large_patch14_clip_336.openai
ViT-H-14 laion2b_s32b_b79k laion/CLIP-ViT-H-14-laion2B-s32B-b79K
ViT-H-14 metaclip_altogether timm/vit_huge_patch14_clip_224.metaclip_altogether
ViT-H-14-quickgelu metaclip_fullcc timm/vit_huge_patch14_clip_224.metaclip_2pt5b
ViT-H-14-quickgelu dfn5b apple/DFN5B-CLIP-ViT-H-14
ViT-H-14-378-quickgelu dfn5b apple/DFN5B-CLIP-ViT-H-14-378
ViT-g-14 laion2b_s12b_b42k laion/CLIP-ViT-g-14-laion2B-s12B-b42K
ViT-g-14 laion2b_s34b_b88k laion/CLIP-ViT-g-14-laion2B-s34B-b88K
ViT-bigG-14 laion2b_s39b_b160k laion/CLIP-ViT-bigG-14-laion2B-39B-b160k
ViT-bigG-14-quickgelu metaclip_fullcc timm/vit_gigantic_patch14_clip_224.metaclip_2pt5b
ViT-H-14-worldwide-quickgelu metaclip2_worldwide timm/vit_huge_patch14_clip_224.metaclip2_worldwide
ViT-H-14-worldwide-378 metaclip2_worldwide timm/vit_huge_patch14_clip_378.metaclip2_worldwide
ViT-bigG-14-worldwide metaclip2_worldwide timm/vit_gigantic_patch14_clip_224.metaclip2_worldwide
ViT-bigG-14-worldwide-378 metaclip2_worldwide timm/vit_gigantic_patch14_clip_378.metaclip2_worldwide
"""

#: Repository by architecture and tag.
TAGS: dict[str, dict[str, str]] = {}
for _line in _TABLE.split("\n")[1:-1]:
    _architecture, _tag, _repository = _line.split()
    TAGS.setdefault(_architecture, {})[_tag] = _repository

#: Mean and standard deviation of pixels, where they are other than OpenAI's.
STATISTICS = {
    "laion/CLIP-ViT-L-14-laion2B-s32B-b82K": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
}
