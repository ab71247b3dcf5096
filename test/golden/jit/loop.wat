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
  (local $17 i64)
  (local $18 i64)
  (local $19 f64)
  (local $20 f64)
  (local $21 f64)
  (local $22 f64)
  (local $23 f64)
  (local $24 f64)
  (local $25 f64)
  (local $26 f64)
  (local $27 f64)
  (local $28 i32)
  (local $29 i32)
  (local $30 i32)
  (local $31 i32)
  (local $32 i32)
  (local $33 i32)
  (local $scratch i32)
  (block
   (block $block9
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
     (i64.load offset=4160
      (i32.const 0)
     )
    )
    (local.set $17
     (i64.load offset=4168
      (i32.const 0)
     )
    )
    (local.set $18
     (i64.load offset=4184
      (i32.const 0)
     )
    )
    (loop $label1
     (block $block2
      (loop $label
       (block $block
        (br_if $block
         (i32.le_s
          (local.get $0)
          (i32.const 0)
         )
        )
        (block $block1
         (local.set $18
          (i64.add
           (local.get $18)
           (i64.const 1)
          )
         )
         (local.set $14
          (i64.add
           (local.get $14)
           (i64.const -1)
          )
         )
         (br_if $block1
          (i64.ne
           (local.get $14)
           (i64.const 0)
          )
         )
         (local.set $0
          (i32.sub
           (local.get $0)
           (i32.const 24)
          )
         )
         (br $block2)
        )
        (block $block3
         (local.set $18
          (i64.add
           (local.get $18)
           (i64.const 1)
          )
         )
         (local.set $14
          (i64.add
           (local.get $14)
           (i64.const -1)
          )
         )
         (br_if $block3
          (i64.ne
           (local.get $14)
           (i64.const 0)
          )
         )
         (local.set $0
          (i32.sub
           (local.get $0)
           (i32.const 48)
          )
         )
         (br $block2)
        )
        (block $block4
         (local.set $18
          (i64.add
           (local.get $18)
           (i64.const 1)
          )
         )
         (local.set $14
          (i64.add
           (local.get $14)
           (i64.const -1)
          )
         )
         (br_if $block4
          (i64.ne
           (local.get $14)
           (i64.const 0)
          )
         )
         (local.set $0
          (i32.sub
           (local.get $0)
           (i32.const 72)
          )
         )
         (br $block2)
        )
        (block $block5
         (local.set $18
          (i64.add
           (local.get $18)
           (i64.const 1)
          )
         )
         (local.set $14
          (i64.add
           (local.get $14)
           (i64.const -1)
          )
         )
         (br_if $block5
          (i64.ne
           (local.get $14)
           (i64.const 0)
          )
         )
         (local.set $0
          (i32.sub
           (local.get $0)
           (i32.const 96)
          )
         )
         (br $block2)
        )
        (block $block6
         (local.set $18
          (i64.add
           (local.get $18)
           (i64.const 1)
          )
         )
         (local.set $14
          (i64.add
           (local.get $14)
           (i64.const -1)
          )
         )
         (br_if $block6
          (i64.ne
           (local.get $14)
           (i64.const 0)
          )
         )
         (local.set $0
          (i32.sub
           (local.get $0)
           (i32.const 120)
          )
         )
         (br $block2)
        )
        (block $block7
         (local.set $18
          (i64.add
           (local.get $18)
           (i64.const 1)
          )
         )
         (local.set $14
          (i64.add
           (local.get $14)
           (i64.const -1)
          )
         )
         (br_if $block7
          (i64.ne
           (local.get $14)
           (i64.const 0)
          )
         )
         (local.set $0
          (i32.sub
           (local.get $0)
           (i32.const 144)
          )
         )
         (br $block2)
        )
        (block $block8
         (local.set $18
          (i64.add
           (local.get $18)
           (i64.const 1)
          )
         )
         (local.set $14
          (i64.add
           (local.get $14)
           (i64.const -1)
          )
         )
         (br_if $block8
          (i64.ne
           (local.get $14)
           (i64.const 0)
          )
         )
         (local.set $0
          (i32.sub
           (local.get $0)
           (i32.const 168)
          )
         )
         (br $block2)
        )
        (local.set $18
         (i64.add
          (local.get $18)
          (i64.const 1)
         )
        )
        (local.set $14
         (i64.add
          (local.get $14)
          (i64.const -1)
         )
        )
        (if
         (i64.ne
          (local.get $14)
          (i64.const 0)
         )
         (then
          (local.set $0
           (i32.sub
            (local.get $0)
            (i32.const 192)
           )
          )
          (br $label)
         )
        )
        (local.set $0
         (i32.sub
          (local.get $0)
          (i32.const 192)
         )
        )
        (br $block2)
       )
       (br_if $block9
        (block (result i32)
         (local.set $scratch
          (i32.le_s
           (local.get $0)
           (i32.const 0)
          )
         )
         (local.set $3
          (i32.const 131072)
         )
         (local.get $scratch)
        )
       )
       (local.set $18
        (i64.add
         (local.get $18)
         (i64.const 1)
        )
       )
       (local.set $14
        (i64.add
         (local.get $14)
         (i64.const -1)
        )
       )
       (if
        (i64.ne
         (local.get $14)
         (i64.const 0)
        )
        (then
         (local.set $0
          (i32.sub
           (local.get $0)
           (i32.const 24)
          )
         )
         (br $label)
        )
       )
       (local.set $0
        (i32.sub
         (local.get $0)
         (i32.const 24)
        )
       )
       (br $block2)
      )
      (unreachable)
     )
     (block $block10
      (local.set $16
       (i64.add
        (local.get $16)
        (i64.const 1)
       )
      )
      (local.set $15
       (i64.and
        (local.get $16)
        (i64.const 63)
       )
      )
      (if
       (i64.ne
        (local.get $15)
        (i64.const 0)
       )
       (then
        (local.set $0
         (i32.sub
          (local.get $0)
          (i32.const 24)
         )
        )
        (br $block10)
       )
      )
      (local.set $17
       (i64.add
        (local.get $17)
        (i64.const 1)
       )
      )
      (local.set $0
       (i32.sub
        (local.get $0)
        (i32.const 40)
       )
      )
      (br $block10)
     )
     (local.set $14
      (i64.const 10)
     )
     (local.set $0
      (i32.sub
       (local.get $0)
       (i32.const 8)
      )
     )
     (br $label1)
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
  (i64.store offset=4160
   (i32.const 0)
   (local.get $16)
  )
  (i64.store offset=4168
   (i32.const 0)
   (local.get $17)
  )
  (i64.store offset=4184
   (i32.const 0)
   (local.get $18)
  )
  (i64.store offset=4608
   (i32.const 0)
   (local.get $9)
  )
  (local.get $0)
 )
)
