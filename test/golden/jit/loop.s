# Two loops, one inside the other, and a branch out of both.
outer:
    addi t0, zero, 10
inner:
    addi a1, a1, 1
    addi t0, t0, -1
    bne t0, zero, inner
    addi s0, s0, 1
    andi t1, s0, 63
    bne t1, zero, outer
    addi s1, s1, 1
    jal zero, outer
