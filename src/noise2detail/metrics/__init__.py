"""How good a result is: against a reference, by its resolution and its brightness, or against the noise alone.

PSNR and SSIM alone are won by blurs wherever a picture is mostly dark and smooth. ``resolution`` and ``brightness``
hold what a blur cannot win: the high frequencies that are really there, and how bright the bright places still are.
``blind`` needs no reference: it asks whether what was taken away looks like the noise that was measured.
"""
