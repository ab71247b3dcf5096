# Halves: widened, rounded back.
loop:
    flh fa1, a0, 0
    fmul.h fa2, fa1, fa0, 7
    flt.h t0, fa1, fa2
    fmin.h fa3, fa1, fa2
    fsh fa3, a0, 2
    jal zero, loop
