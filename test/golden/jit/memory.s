# A load and a store with the same base: hints, and the exits of their misses.
loop:
    ld t0, a0, 8
    addi t0, t0, 1
    sd t0, a0, 8
    lbu t1, a0, 3
    jal zero, loop
