# Singles: boxes are checked once, then known wherever the loop is entered.
loop:
    flw fa1, a0, 0
    fmul.s fa2, fa1, fa0, 7
    fadd.s fa3, fa2, fa3, 7
    fsw fa3, a0, 4
    fcvt.w.s t0, fa3, 1
    addi s0, s0, 1
    jal zero, loop
