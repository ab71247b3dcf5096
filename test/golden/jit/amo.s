# Atomics: one that reads and writes, and a reservation.
loop:
    amoadd.w t0, a0, s0, 0
    lr.d t1, a0, 0
    addi t1, t1, 1
    sc.d t2, a0, t1, 0
    jal zero, loop
