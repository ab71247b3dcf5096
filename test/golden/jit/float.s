# Double precision with exact flags.
loop:
    fcvt.d.w fa1, s0, 0
    fadd.d fa0, fa0, fa1, 7
    fmul.d fa2, fa0, fa1, 7
    flt.d t0, fa0, fa2
    addi s0, s0, 1
    jal zero, loop
