(module
 (type $0 (func (param i32 i64 i32) (result i32)))
 (type $1 (func (param i64 i32 i32) (result i32)))
 (type $2 (func (param i64) (result i32)))
 (import "m" "m" (memory $mimport$0 1))
 (import "m" "r" (func $fimport$0 (param i64 i32 i32) (result i32)))
 (import "m" "e" (func $fimport$1 (param i32 i64 i32) (result i32)))
 (import "m" "p" (func $fimport$2 (param i64) (result i32)))
 (import "m" "b" (func $fimport$3 (param i32 i64 i32) (result i32)))
 (import "m" "c" (func $fimport$4 (param i64 i32 i32) (result i32)))
 (export "aa" (func $0))
 (func $0 (param $0 i32) (param $1 i64) (param $2 i32) (result i32)
  (local $3 i32)
  (local $4 i32)
  (local $5 i32)
  (local $6 i32)
  (local $7 i64)
  (local $8 i64)
  (local $9 i64)
  (local $10 i64)
  (local $11 i64)
  (local $12 i64)
  (local $13 i64)
  (local $14 i64)
  (local $15 i64)
  (local $16 i64)
  (local $17 f64)
  (local $18 f64)
  (local $19 f64)
  (local $20 f64)
  (local $21 f64)
  (local $22 f64)
  (local $23 f64)
  (local $24 f64)
  (local $25 f64)
  (local $26 i32)
  (local $27 i32)
  (local $28 i32)
  (local $29 i32)
  (local $30 i32)
  (local $31 i32)
  (local $scratch i32)
  (local $scratch_33 i32)
  (local $scratch_34 i32)
  (local $scratch_35 i32)
  (block
   (block $block8
    (local.set $8
     (i64.load offset=1536
      (i32.const 0)
     )
    )
    (local.set $6
     (i32.load offset=1552
      (i32.const 0)
     )
    )
    (local.set $14
     (i64.load offset=4136
      (i32.const 0)
     )
    )
    (local.set $15
     (i64.load offset=4144
      (i32.const 0)
     )
    )
    (local.set $16
     (i64.load offset=4176
      (i32.const 0)
     )
    )
    (loop $label
     (block $block
      (br_if $block
       (i32.le_s
        (local.get $0)
        (i32.const 0)
       )
      )
      (local.set $7
       (i64.add
        (local.get $16)
        (i64.const 3)
       )
      )
      (br_if $block
       (i32.gt_u
        (i32.and
         (i32.wrap_i64
          (local.get $7)
         )
         (i32.const 4095)
        )
        (i32.const 4083)
       )
      )
      (if
       (i64.ne
        (i64.load offset=1792
         (i32.const 0)
        )
        (i64.and
         (local.get $7)
         (i64.const -4096)
        )
       )
       (then
        (br_if $block
         (i64.ne
          (i64.load offset=65536
           (local.tee $4
            (i32.and
             (i32.shr_u
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.const 8)
             )
             (i32.const 262128)
            )
           )
          )
          (i64.or
           (i64.and
            (local.get $7)
            (i64.const -4096)
           )
           (local.get $8)
          )
         )
        )
        (i64.store offset=1792
         (i32.const 0)
         (i64.and
          (local.get $7)
          (i64.const -4096)
         )
        )
        (i32.store offset=1800
         (i32.const 0)
         (i32.load offset=65544
          (local.get $4)
         )
        )
       )
      )
      (local.set $26
       (i32.add
        (i32.load offset=1800
         (i32.const 0)
        )
        (i32.wrap_i64
         (local.get $7)
        )
       )
      )
      (local.set $7
       (i64.add
        (local.get $16)
        (i64.const 8)
       )
      )
      (br_if $block
       (i32.gt_u
        (i32.and
         (i32.wrap_i64
          (local.get $7)
         )
         (i32.const 4095)
        )
        (i32.const 4088)
       )
      )
      (if
       (i64.ne
        (i64.load offset=2048
         (i32.const 0)
        )
        (i64.and
         (local.get $7)
         (i64.const -4096)
        )
       )
       (then
        (br_if $block
         (i64.ne
          (i64.load offset=327680
           (local.tee $4
            (i32.and
             (i32.shr_u
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.const 8)
             )
             (i32.const 262128)
            )
           )
          )
          (i64.or
           (i64.and
            (local.get $7)
            (i64.const -4096)
           )
           (local.get $8)
          )
         )
        )
        (i64.store offset=2048
         (i32.const 0)
         (i64.and
          (local.get $7)
          (i64.const -4096)
         )
        )
        (i32.store offset=2056
         (i32.const 0)
         (i32.load offset=327688
          (local.get $4)
         )
        )
       )
      )
      (local.set $27
       (i32.add
        (i32.load offset=2056
         (i32.const 0)
        )
        (i32.wrap_i64
         (local.get $7)
        )
       )
      )
      (block $block1
       (local.set $14
        (i64.load offset=5
         (local.get $26)
        )
       )
       (local.set $14
        (i64.add
         (local.get $14)
         (i64.const 1)
        )
       )
       (i64.store
        (local.get $27)
        (local.get $14)
       )
       (local.set $15
        (i64.load8_u
         (local.get $26)
        )
       )
       (br $block1)
      )
      (block $block2
       (local.set $14
        (i64.load offset=5
         (local.get $26)
        )
       )
       (local.set $14
        (i64.add
         (local.get $14)
         (i64.const 1)
        )
       )
       (i64.store
        (local.get $27)
        (local.get $14)
       )
       (local.set $15
        (i64.load8_u
         (local.get $26)
        )
       )
       (br $block2)
      )
      (block $block3
       (local.set $14
        (i64.load offset=5
         (local.get $26)
        )
       )
       (local.set $14
        (i64.add
         (local.get $14)
         (i64.const 1)
        )
       )
       (i64.store
        (local.get $27)
        (local.get $14)
       )
       (local.set $15
        (i64.load8_u
         (local.get $26)
        )
       )
       (br $block3)
      )
      (block $block4
       (local.set $14
        (i64.load offset=5
         (local.get $26)
        )
       )
       (local.set $14
        (i64.add
         (local.get $14)
         (i64.const 1)
        )
       )
       (i64.store
        (local.get $27)
        (local.get $14)
       )
       (local.set $15
        (i64.load8_u
         (local.get $26)
        )
       )
       (br $block4)
      )
      (block $block5
       (local.set $14
        (i64.load offset=5
         (local.get $26)
        )
       )
       (local.set $14
        (i64.add
         (local.get $14)
         (i64.const 1)
        )
       )
       (i64.store
        (local.get $27)
        (local.get $14)
       )
       (local.set $15
        (i64.load8_u
         (local.get $26)
        )
       )
       (br $block5)
      )
      (block $block6
       (local.set $14
        (i64.load offset=5
         (local.get $26)
        )
       )
       (local.set $14
        (i64.add
         (local.get $14)
         (i64.const 1)
        )
       )
       (i64.store
        (local.get $27)
        (local.get $14)
       )
       (local.set $15
        (i64.load8_u
         (local.get $26)
        )
       )
       (br $block6)
      )
      (block $block7
       (local.set $14
        (i64.load offset=5
         (local.get $26)
        )
       )
       (local.set $14
        (i64.add
         (local.get $14)
         (i64.const 1)
        )
       )
       (i64.store
        (local.get $27)
        (local.get $14)
       )
       (local.set $15
        (i64.load8_u
         (local.get $26)
        )
       )
       (br $block7)
      )
      (local.set $14
       (i64.load offset=5
        (local.get $26)
       )
      )
      (local.set $14
       (i64.add
        (local.get $14)
        (i64.const 1)
       )
      )
      (i64.store
       (local.get $27)
       (local.get $14)
      )
      (local.set $15
       (i64.load8_u
        (local.get $26)
       )
      )
      (local.set $0
       (i32.sub
        (local.get $0)
        (i32.const 320)
       )
      )
      (br $label)
     )
     (br_if $block8
      (block (result i32)
       (local.set $scratch
        (i32.le_s
         (local.get $0)
         (i32.const 0)
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch)
      )
     )
     (local.set $7
      (i64.add
       (local.get $16)
       (i64.const 8)
      )
     )
     (if
      (i64.ne
       (i64.load offset=1792
        (i32.const 0)
       )
       (i64.and
        (local.get $7)
        (i64.const -4089)
       )
      )
      (then
       (br_if $block8
        (block (result i32)
         (local.set $scratch_33
          (i64.ne
           (i64.load offset=65536
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
             )
            )
           )
           (i64.or
            (i64.and
             (local.get $7)
             (i64.const -4089)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 0)
         )
         (local.get $scratch_33)
        )
       )
       (i64.store offset=1792
        (i32.const 0)
        (i64.and
         (local.get $7)
         (i64.const -4096)
        )
       )
       (i32.store offset=1800
        (i32.const 0)
        (i32.load offset=65544
         (local.get $4)
        )
       )
      )
     )
     (local.set $14
      (i64.load
       (i32.add
        (i32.load offset=1800
         (i32.const 0)
        )
        (i32.wrap_i64
         (local.get $7)
        )
       )
      )
     )
     (local.set $14
      (i64.add
       (local.get $14)
       (i64.const 1)
      )
     )
     (local.set $7
      (i64.add
       (local.get $16)
       (i64.const 8)
      )
     )
     (if
      (i64.ne
       (i64.load offset=2048
        (i32.const 0)
       )
       (i64.and
        (local.get $7)
        (i64.const -4089)
       )
      )
      (then
       (br_if $block8
        (block (result i32)
         (local.set $scratch_34
          (i64.ne
           (i64.load offset=327680
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
             )
            )
           )
           (i64.or
            (i64.and
             (local.get $7)
             (i64.const -4089)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 327678)
         )
         (local.get $scratch_34)
        )
       )
       (i64.store offset=2048
        (i32.const 0)
        (i64.and
         (local.get $7)
         (i64.const -4096)
        )
       )
       (i32.store offset=2056
        (i32.const 0)
        (i32.load offset=327688
         (local.get $4)
        )
       )
      )
     )
     (i64.store
      (i32.add
       (i32.load offset=2056
        (i32.const 0)
       )
       (i32.wrap_i64
        (local.get $7)
       )
      )
      (local.get $14)
     )
     (local.set $7
      (i64.add
       (local.get $16)
       (i64.const 3)
      )
     )
     (if
      (i64.ne
       (i64.load offset=1792
        (i32.const 0)
       )
       (i64.and
        (local.get $7)
        (i64.const -4096)
       )
      )
      (then
       (br_if $block8
        (block (result i32)
         (local.set $scratch_35
          (i64.ne
           (i64.load offset=65536
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 262128)
             )
            )
           )
           (i64.or
            (i64.and
             (local.get $7)
             (i64.const -4096)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 458749)
         )
         (local.get $scratch_35)
        )
       )
       (i64.store offset=1792
        (i32.const 0)
        (i64.and
         (local.get $7)
         (i64.const -4096)
        )
       )
       (i32.store offset=1800
        (i32.const 0)
        (i32.load offset=65544
         (local.get $4)
        )
       )
      )
     )
     (local.set $15
      (i64.load8_u
       (i32.add
        (i32.load offset=1800
         (i32.const 0)
        )
        (i32.wrap_i64
         (local.get $7)
        )
       )
      )
     )
     (local.set $0
      (i32.sub
       (local.get $0)
       (i32.const 40)
      )
     )
     (br $label)
    )
    (unreachable)
   )
   (local.set $9
    (i64.add
     (i64.shl
      (i64.extend_i32_s
       (i32.shr_s
        (local.get $3)
        (i32.const 16)
       )
      )
      (i64.const 1)
     )
     (local.get $1)
    )
   )
   (local.set $0
    (i32.add
     (i32.or
      (i32.shr_s
       (i32.shl
        (local.get $3)
        (i32.const 16)
       )
       (i32.const 13)
      )
      (i32.const 1)
     )
     (local.get $0)
    )
   )
  )
  (i64.store offset=4136
   (i32.const 0)
   (local.get $14)
  )
  (i64.store offset=4144
   (i32.const 0)
   (local.get $15)
  )
  (i64.store offset=4608
   (i32.const 0)
   (local.get $9)
  )
  (local.get $0)
 )
)
