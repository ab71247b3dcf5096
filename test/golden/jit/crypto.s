# Zbkb, Zbkx, Zicond.
loop:
    pack t0, a1, a2
    packh t1, a1, a2
    packw t2, a1, a2
    brev8 t0, t0
    xperm8 t1, t1, a2
    xperm4 t2, t2, a2
    czero.eqz t0, t0, a1
    jal zero, loop
