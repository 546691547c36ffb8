"""Real-time B-mode image formation by convolution in polar coordinates (pure).

Read in this order: `anatomy.py` (what is in the body), `geometry.py` (probe and picture),
`noise.py` (speckle and texture fixed in tissue), `cast.py` (scan lines through the body),
`beam.py` (resolution, gain, grey levels), `former.py` (one picture from one pose).
"""
