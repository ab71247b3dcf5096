(module
 (type $0 (func (param i32 i64 i32) (result i32)))
 (type $1 (func (param i64 i32 i32) (result i32)))
 (type $2 (func (param i64) (result i32)))
 (import "m" "m" (memory $mimport$0 1))
 (import "m" "r" (func $fimport$0 (param i64 i32 i32) (result i32)))
 (import "m" "e" (func $fimport$1 (param i32 i64 i32) (result i32)))
 (import "m" "p" (func $fimport$2 (param i64) (result i32)))
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
  (local $26 f64)
  (local $27 f64)
  (local $28 f64)
  (local $29 f64)
  (local $30 f32)
  (local $31 f32)
  (local $32 f32)
  (local $33 f32)
  (local $34 f32)
  (local $35 f32)
  (local $36 f32)
  (local $37 f32)
  (local $scratch i32)
  (local $scratch_39 i32)
  (local $scratch_40 i32)
  (local $scratch_41 i32)
  (local $scratch_42 i32)
  (local $scratch_43 i32)
  (local $scratch_44 i32)
  (local $scratch_45 i32)
  (local $scratch_46 i32)
  (block
   (block $block
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
     (i64.load offset=4160
      (i32.const 0)
     )
    )
    (local.set $16
     (i64.load offset=4176
      (i32.const 0)
     )
    )
    (local.set $17
     (f64.load offset=4432
      (i32.const 0)
     )
    )
    (local.set $18
     (f64.load offset=4440
      (i32.const 0)
     )
    )
    (local.set $19
     (f64.load offset=4448
      (i32.const 0)
     )
    )
    (local.set $20
     (f64.load offset=4456
      (i32.const 0)
     )
    )
    (br_if $block
     (block (result i32)
      (local.set $scratch
       (i64.lt_u
        (local.tee $10
         (i64.reinterpret_f64
          (local.get $17)
         )
        )
        (i64.const -4294967296)
       )
      )
      (local.set $3
       (i32.const 0)
      )
      (local.get $scratch)
     )
    )
    (drop
     (local.tee $30
      (f32.reinterpret_i32
       (i32.wrap_i64
        (local.get $10)
       )
      )
     )
    )
    (br_if $block
     (block (result i32)
      (local.set $scratch_39
       (i64.lt_u
        (local.tee $10
         (i64.reinterpret_f64
          (local.get $20)
         )
        )
        (i64.const -4294967296)
       )
      )
      (local.set $3
       (i32.const 0)
      )
      (local.get $scratch_39)
     )
    )
    (drop
     (local.tee $33
      (f32.reinterpret_i32
       (i32.wrap_i64
        (local.get $10)
       )
      )
     )
    )
    (loop $label
     (br_if $block
      (block (result i32)
       (local.set $scratch_40
        (i32.le_s
         (local.get $0)
         (i32.const 0)
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch_40)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_41
        (i32.ne
         (i32.and
          (local.get $6)
          (i32.const 3)
         )
         (i32.const 3)
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch_41)
      )
     )
     (local.set $0
      (i32.sub
       (local.get $0)
       (i32.const 56)
      )
     )
     (local.set $7
      (local.get $16)
     )
     (if
      (i64.ne
       (i64.load offset=1792
        (i32.const 0)
       )
       (i64.and
        (local.get $7)
        (i64.const -4093)
       )
      )
      (then
       (br_if $block
        (block (result i32)
         (local.set $scratch_42
          (i64.ne
           (i64.load offset=16384
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 16368)
             )
            )
           )
           (i64.or
            (i64.and
             (local.get $7)
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 7)
         )
         (local.get $scratch_42)
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
        (i32.load offset=16392
         (local.get $4)
        )
       )
      )
     )
     (local.set $18
      (f64.reinterpret_i64
       (i64.or
        (i64.extend_i32_u
         (i32.reinterpret_f32
          (local.tee $31
           (f32.load
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
         )
        )
        (i64.const -4294967296)
       )
      )
     )
     (local.set $34
      (local.get $31)
     )
     (local.set $35
      (local.get $30)
     )
     (local.set $37
      (f32.mul
       (local.get $34)
       (local.get $35)
      )
     )
     (if
      (i32.ge_u
       (i32.sub
        (i32.shl
         (i32.reinterpret_f32
          (local.get $37)
         )
         (i32.const 1)
        )
        (i32.const 33554432)
       )
       (i32.const -50331648)
      )
      (then
       (br_if $block
        (block (result i32)
         (local.set $scratch_43
          (i32.or
           (f32.ne
            (local.get $37)
            (f32.const 0)
           )
           (i32.and
            (f32.ne
             (local.get $34)
             (f32.const 0)
            )
            (f32.ne
             (local.get $35)
             (f32.const 0)
            )
           )
          )
         )
         (local.set $3
          (i32.const 131078)
         )
         (local.get $scratch_43)
        )
       )
      )
     )
     (local.set $19
      (f64.reinterpret_i64
       (i64.or
        (i64.extend_i32_u
         (i32.reinterpret_f32
          (local.tee $32
           (local.get $37)
          )
         )
        )
        (i64.const -4294967296)
       )
      )
     )
     (local.set $34
      (local.get $32)
     )
     (local.set $35
      (local.get $33)
     )
     (local.set $37
      (f32.add
       (local.get $34)
       (local.get $35)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_44
        (i32.eq
         (i32.and
          (i32.reinterpret_f32
           (local.get $37)
          )
          (i32.const 2139095040)
         )
         (i32.const 2139095040)
        )
       )
       (local.set $3
        (i32.const 262149)
       )
       (local.get $scratch_44)
      )
     )
     (local.set $20
      (f64.reinterpret_i64
       (i64.or
        (i64.extend_i32_u
         (i32.reinterpret_f32
          (local.tee $33
           (local.get $37)
          )
         )
        )
        (i64.const -4294967296)
       )
      )
     )
     (local.set $7
      (i64.add
       (local.get $16)
       (i64.const 4)
      )
     )
     (if
      (i64.ne
       (i64.load offset=2048
        (i32.const 0)
       )
       (i64.and
        (local.get $7)
        (i64.const -4093)
       )
      )
      (then
       (br_if $block
        (block (result i32)
         (local.set $scratch_45
          (i64.ne
           (i64.load offset=32768
            (local.tee $4
             (i32.and
              (i32.shr_u
               (i32.wrap_i64
                (local.get $7)
               )
               (i32.const 8)
              )
              (i32.const 16368)
             )
            )
           )
           (i64.or
            (i64.and
             (local.get $7)
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 393220)
         )
         (local.get $scratch_45)
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
        (i32.load offset=32776
         (local.get $4)
        )
       )
      )
     )
     (f32.store
      (i32.add
       (i32.load offset=2056
        (i32.const 0)
       )
       (i32.wrap_i64
        (local.get $7)
       )
      )
      (local.get $33)
     )
     (local.set $21
      (f64.promote_f32
       (local.get $33)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_46
        (i32.eqz
         (f64.lt
          (f64.abs
           (local.get $21)
          )
          (f64.const 2147483648)
         )
        )
       )
       (local.set $3
        (i32.const 524291)
       )
       (local.get $scratch_46)
      )
     )
     (local.set $14
      (i64.trunc_f64_s
       (local.get $21)
      )
     )
     (local.set $15
      (i64.add
       (local.get $15)
       (i64.const 1)
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
      (i32.shl
       (i32.and
        (local.get $3)
        (i32.const 65535)
       )
       (i32.const 3)
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
  (i64.store offset=4160
   (i32.const 0)
   (local.get $15)
  )
  (f64.store offset=4440
   (i32.const 0)
   (local.get $18)
  )
  (f64.store offset=4448
   (i32.const 0)
   (local.get $19)
  )
  (f64.store offset=4456
   (i32.const 0)
   (local.get $20)
  )
  (i64.store offset=4608
   (i32.const 0)
   (local.get $9)
  )
  (local.get $0)
 )
)
