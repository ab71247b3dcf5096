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
  (local $scratch_35 i32)
  (local $scratch_36 i32)
  (local $scratch_37 i32)
  (local $scratch_38 i32)
  (local $scratch_39 i32)
  (local $scratch_40 i32)
  (local $scratch_41 i32)
  (local $scratch_42 i32)
  (local $scratch_43 i32)
  (local $scratch_44 i32)
  (local $scratch_45 i32)
  (local $scratch_46 i32)
  (local $scratch_47 i32)
  (local $scratch_48 i32)
  (local $scratch_49 i32)
  (local $scratch_50 i32)
  (local $scratch_51 i32)
  (local $scratch_52 i32)
  (local $scratch_53 i32)
  (local $scratch_54 i32)
  (local $scratch_55 i32)
  (local $scratch_56 i32)
  (local $scratch_57 i32)
  (local $scratch_58 i32)
  (local $scratch_59 i32)
  (local $scratch_60 i32)
  (local $scratch_61 i32)
  (block
   (block $block1
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
     (i64.load offset=4152
      (i32.const 0)
     )
    )
    (local.set $17
     (i64.load offset=4160
      (i32.const 0)
     )
    )
    (local.set $18
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
      (block $block2
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch
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
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 0)
         )
         (local.get $scratch)
        )
       )
       (local.set $10
        (i64.load32_s
         (local.tee $5
          (i32.add
           (i32.wrap_i64
            (local.get $7)
           )
           (i32.load offset=327688
            (local.get $4)
           )
          )
         )
        )
       )
       (i64.store32
        (local.get $5)
        (i64.add
         (local.get $10)
         (i64.extend32_s
          (local.get $17)
         )
        )
       )
       (local.set $14
        (local.get $10)
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
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
             (i64.const -4089)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 196607)
         )
         (local.get $scratch_35)
        )
       )
       (local.set $10
        (i64.load
         (i32.add
          (i32.wrap_i64
           (local.get $7)
          )
          (i32.load offset=65544
           (local.get $4)
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.or
         (i64.shl
          (i64.load32_u offset=static
           (i32.shr_u
            (local.get $4)
            (i32.const 2)
           )
          )
          (i64.const 12)
         )
         (i64.and
          (local.get $7)
          (i64.const 4095)
         )
        )
       )
       (i64.store offset=4816
        (i32.const 0)
        (local.get $10)
       )
       (local.set $15
        (local.get $10)
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_36
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
          (i32.const 458749)
         )
         (local.get $scratch_36)
        )
       )
       (local.set $10
        (i64.extend_i32_u
         (i32.or
          (i64.ne
           (i64.load
            (local.tee $5
             (i32.add
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.load offset=327688
               (local.get $4)
              )
             )
            )
           )
           (i64.load offset=4816
            (i32.const 0)
           )
          )
          (i64.ne
           (i64.load offset=4808
            (i32.const 0)
           )
           (i64.or
            (i64.shl
             (i64.load32_u offset=static
              (i32.shr_u
               (local.get $4)
               (i32.const 2)
              )
             )
             (i64.const 12)
            )
            (i64.and
             (local.get $7)
             (i64.const 4095)
            )
           )
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.const -1)
       )
       (if
        (i64.eqz
         (local.get $10)
        )
        (then
         (i64.store
          (local.get $5)
          (local.get $15)
         )
        )
       )
       (local.set $16
        (local.get $10)
       )
       (br $block2)
      )
      (block $block3
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_37
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
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 65531)
         )
         (local.get $scratch_37)
        )
       )
       (local.set $10
        (i64.load32_s
         (local.tee $5
          (i32.add
           (i32.wrap_i64
            (local.get $7)
           )
           (i32.load offset=327688
            (local.get $4)
           )
          )
         )
        )
       )
       (i64.store32
        (local.get $5)
        (i64.add
         (local.get $10)
         (i64.extend32_s
          (local.get $17)
         )
        )
       )
       (local.set $14
        (local.get $10)
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_38
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
          (i32.const 196602)
         )
         (local.get $scratch_38)
        )
       )
       (local.set $10
        (i64.load
         (i32.add
          (i32.wrap_i64
           (local.get $7)
          )
          (i32.load offset=65544
           (local.get $4)
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.or
         (i64.shl
          (i64.load32_u offset=static
           (i32.shr_u
            (local.get $4)
            (i32.const 2)
           )
          )
          (i64.const 12)
         )
         (i64.and
          (local.get $7)
          (i64.const 4095)
         )
        )
       )
       (i64.store offset=4816
        (i32.const 0)
        (local.get $10)
       )
       (local.set $15
        (local.get $10)
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_39
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
          (i32.const 458744)
         )
         (local.get $scratch_39)
        )
       )
       (local.set $10
        (i64.extend_i32_u
         (i32.or
          (i64.ne
           (i64.load
            (local.tee $5
             (i32.add
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.load offset=327688
               (local.get $4)
              )
             )
            )
           )
           (i64.load offset=4816
            (i32.const 0)
           )
          )
          (i64.ne
           (i64.load offset=4808
            (i32.const 0)
           )
           (i64.or
            (i64.shl
             (i64.load32_u offset=static
              (i32.shr_u
               (local.get $4)
               (i32.const 2)
              )
             )
             (i64.const 12)
            )
            (i64.and
             (local.get $7)
             (i64.const 4095)
            )
           )
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.const -1)
       )
       (if
        (i64.eqz
         (local.get $10)
        )
        (then
         (i64.store
          (local.get $5)
          (local.get $15)
         )
        )
       )
       (local.set $16
        (local.get $10)
       )
       (br $block3)
      )
      (block $block4
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_40
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
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 65526)
         )
         (local.get $scratch_40)
        )
       )
       (local.set $10
        (i64.load32_s
         (local.tee $5
          (i32.add
           (i32.wrap_i64
            (local.get $7)
           )
           (i32.load offset=327688
            (local.get $4)
           )
          )
         )
        )
       )
       (i64.store32
        (local.get $5)
        (i64.add
         (local.get $10)
         (i64.extend32_s
          (local.get $17)
         )
        )
       )
       (local.set $14
        (local.get $10)
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_41
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
          (i32.const 196597)
         )
         (local.get $scratch_41)
        )
       )
       (local.set $10
        (i64.load
         (i32.add
          (i32.wrap_i64
           (local.get $7)
          )
          (i32.load offset=65544
           (local.get $4)
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.or
         (i64.shl
          (i64.load32_u offset=static
           (i32.shr_u
            (local.get $4)
            (i32.const 2)
           )
          )
          (i64.const 12)
         )
         (i64.and
          (local.get $7)
          (i64.const 4095)
         )
        )
       )
       (i64.store offset=4816
        (i32.const 0)
        (local.get $10)
       )
       (local.set $15
        (local.get $10)
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_42
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
          (i32.const 458739)
         )
         (local.get $scratch_42)
        )
       )
       (local.set $10
        (i64.extend_i32_u
         (i32.or
          (i64.ne
           (i64.load
            (local.tee $5
             (i32.add
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.load offset=327688
               (local.get $4)
              )
             )
            )
           )
           (i64.load offset=4816
            (i32.const 0)
           )
          )
          (i64.ne
           (i64.load offset=4808
            (i32.const 0)
           )
           (i64.or
            (i64.shl
             (i64.load32_u offset=static
              (i32.shr_u
               (local.get $4)
               (i32.const 2)
              )
             )
             (i64.const 12)
            )
            (i64.and
             (local.get $7)
             (i64.const 4095)
            )
           )
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.const -1)
       )
       (if
        (i64.eqz
         (local.get $10)
        )
        (then
         (i64.store
          (local.get $5)
          (local.get $15)
         )
        )
       )
       (local.set $16
        (local.get $10)
       )
       (br $block4)
      )
      (block $block5
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_43
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
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 65521)
         )
         (local.get $scratch_43)
        )
       )
       (local.set $10
        (i64.load32_s
         (local.tee $5
          (i32.add
           (i32.wrap_i64
            (local.get $7)
           )
           (i32.load offset=327688
            (local.get $4)
           )
          )
         )
        )
       )
       (i64.store32
        (local.get $5)
        (i64.add
         (local.get $10)
         (i64.extend32_s
          (local.get $17)
         )
        )
       )
       (local.set $14
        (local.get $10)
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_44
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
          (i32.const 196592)
         )
         (local.get $scratch_44)
        )
       )
       (local.set $10
        (i64.load
         (i32.add
          (i32.wrap_i64
           (local.get $7)
          )
          (i32.load offset=65544
           (local.get $4)
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.or
         (i64.shl
          (i64.load32_u offset=static
           (i32.shr_u
            (local.get $4)
            (i32.const 2)
           )
          )
          (i64.const 12)
         )
         (i64.and
          (local.get $7)
          (i64.const 4095)
         )
        )
       )
       (i64.store offset=4816
        (i32.const 0)
        (local.get $10)
       )
       (local.set $15
        (local.get $10)
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_45
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
          (i32.const 458734)
         )
         (local.get $scratch_45)
        )
       )
       (local.set $10
        (i64.extend_i32_u
         (i32.or
          (i64.ne
           (i64.load
            (local.tee $5
             (i32.add
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.load offset=327688
               (local.get $4)
              )
             )
            )
           )
           (i64.load offset=4816
            (i32.const 0)
           )
          )
          (i64.ne
           (i64.load offset=4808
            (i32.const 0)
           )
           (i64.or
            (i64.shl
             (i64.load32_u offset=static
              (i32.shr_u
               (local.get $4)
               (i32.const 2)
              )
             )
             (i64.const 12)
            )
            (i64.and
             (local.get $7)
             (i64.const 4095)
            )
           )
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.const -1)
       )
       (if
        (i64.eqz
         (local.get $10)
        )
        (then
         (i64.store
          (local.get $5)
          (local.get $15)
         )
        )
       )
       (local.set $16
        (local.get $10)
       )
       (br $block5)
      )
      (block $block6
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_46
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
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 65516)
         )
         (local.get $scratch_46)
        )
       )
       (local.set $10
        (i64.load32_s
         (local.tee $5
          (i32.add
           (i32.wrap_i64
            (local.get $7)
           )
           (i32.load offset=327688
            (local.get $4)
           )
          )
         )
        )
       )
       (i64.store32
        (local.get $5)
        (i64.add
         (local.get $10)
         (i64.extend32_s
          (local.get $17)
         )
        )
       )
       (local.set $14
        (local.get $10)
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_47
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
          (i32.const 196587)
         )
         (local.get $scratch_47)
        )
       )
       (local.set $10
        (i64.load
         (i32.add
          (i32.wrap_i64
           (local.get $7)
          )
          (i32.load offset=65544
           (local.get $4)
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.or
         (i64.shl
          (i64.load32_u offset=static
           (i32.shr_u
            (local.get $4)
            (i32.const 2)
           )
          )
          (i64.const 12)
         )
         (i64.and
          (local.get $7)
          (i64.const 4095)
         )
        )
       )
       (i64.store offset=4816
        (i32.const 0)
        (local.get $10)
       )
       (local.set $15
        (local.get $10)
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_48
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
          (i32.const 458729)
         )
         (local.get $scratch_48)
        )
       )
       (local.set $10
        (i64.extend_i32_u
         (i32.or
          (i64.ne
           (i64.load
            (local.tee $5
             (i32.add
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.load offset=327688
               (local.get $4)
              )
             )
            )
           )
           (i64.load offset=4816
            (i32.const 0)
           )
          )
          (i64.ne
           (i64.load offset=4808
            (i32.const 0)
           )
           (i64.or
            (i64.shl
             (i64.load32_u offset=static
              (i32.shr_u
               (local.get $4)
               (i32.const 2)
              )
             )
             (i64.const 12)
            )
            (i64.and
             (local.get $7)
             (i64.const 4095)
            )
           )
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.const -1)
       )
       (if
        (i64.eqz
         (local.get $10)
        )
        (then
         (i64.store
          (local.get $5)
          (local.get $15)
         )
        )
       )
       (local.set $16
        (local.get $10)
       )
       (br $block6)
      )
      (block $block7
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_49
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
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 65511)
         )
         (local.get $scratch_49)
        )
       )
       (local.set $10
        (i64.load32_s
         (local.tee $5
          (i32.add
           (i32.wrap_i64
            (local.get $7)
           )
           (i32.load offset=327688
            (local.get $4)
           )
          )
         )
        )
       )
       (i64.store32
        (local.get $5)
        (i64.add
         (local.get $10)
         (i64.extend32_s
          (local.get $17)
         )
        )
       )
       (local.set $14
        (local.get $10)
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_50
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
          (i32.const 196582)
         )
         (local.get $scratch_50)
        )
       )
       (local.set $10
        (i64.load
         (i32.add
          (i32.wrap_i64
           (local.get $7)
          )
          (i32.load offset=65544
           (local.get $4)
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.or
         (i64.shl
          (i64.load32_u offset=static
           (i32.shr_u
            (local.get $4)
            (i32.const 2)
           )
          )
          (i64.const 12)
         )
         (i64.and
          (local.get $7)
          (i64.const 4095)
         )
        )
       )
       (i64.store offset=4816
        (i32.const 0)
        (local.get $10)
       )
       (local.set $15
        (local.get $10)
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_51
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
          (i32.const 458724)
         )
         (local.get $scratch_51)
        )
       )
       (local.set $10
        (i64.extend_i32_u
         (i32.or
          (i64.ne
           (i64.load
            (local.tee $5
             (i32.add
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.load offset=327688
               (local.get $4)
              )
             )
            )
           )
           (i64.load offset=4816
            (i32.const 0)
           )
          )
          (i64.ne
           (i64.load offset=4808
            (i32.const 0)
           )
           (i64.or
            (i64.shl
             (i64.load32_u offset=static
              (i32.shr_u
               (local.get $4)
               (i32.const 2)
              )
             )
             (i64.const 12)
            )
            (i64.and
             (local.get $7)
             (i64.const 4095)
            )
           )
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.const -1)
       )
       (if
        (i64.eqz
         (local.get $10)
        )
        (then
         (i64.store
          (local.get $5)
          (local.get $15)
         )
        )
       )
       (local.set $16
        (local.get $10)
       )
       (br $block7)
      )
      (block $block8
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_52
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
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 65506)
         )
         (local.get $scratch_52)
        )
       )
       (local.set $10
        (i64.load32_s
         (local.tee $5
          (i32.add
           (i32.wrap_i64
            (local.get $7)
           )
           (i32.load offset=327688
            (local.get $4)
           )
          )
         )
        )
       )
       (i64.store32
        (local.get $5)
        (i64.add
         (local.get $10)
         (i64.extend32_s
          (local.get $17)
         )
        )
       )
       (local.set $14
        (local.get $10)
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_53
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
          (i32.const 196577)
         )
         (local.get $scratch_53)
        )
       )
       (local.set $10
        (i64.load
         (i32.add
          (i32.wrap_i64
           (local.get $7)
          )
          (i32.load offset=65544
           (local.get $4)
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.or
         (i64.shl
          (i64.load32_u offset=static
           (i32.shr_u
            (local.get $4)
            (i32.const 2)
           )
          )
          (i64.const 12)
         )
         (i64.and
          (local.get $7)
          (i64.const 4095)
         )
        )
       )
       (i64.store offset=4816
        (i32.const 0)
        (local.get $10)
       )
       (local.set $15
        (local.get $10)
       )
       (local.set $15
        (i64.add
         (local.get $15)
         (i64.const 1)
        )
       )
       (local.set $7
        (local.get $18)
       )
       (br_if $block1
        (block (result i32)
         (local.set $scratch_54
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
          (i32.const 458719)
         )
         (local.get $scratch_54)
        )
       )
       (local.set $10
        (i64.extend_i32_u
         (i32.or
          (i64.ne
           (i64.load
            (local.tee $5
             (i32.add
              (i32.wrap_i64
               (local.get $7)
              )
              (i32.load offset=327688
               (local.get $4)
              )
             )
            )
           )
           (i64.load offset=4816
            (i32.const 0)
           )
          )
          (i64.ne
           (i64.load offset=4808
            (i32.const 0)
           )
           (i64.or
            (i64.shl
             (i64.load32_u offset=static
              (i32.shr_u
               (local.get $4)
               (i32.const 2)
              )
             )
             (i64.const 12)
            )
            (i64.and
             (local.get $7)
             (i64.const 4095)
            )
           )
          )
         )
        )
       )
       (i64.store offset=4808
        (i32.const 0)
        (i64.const -1)
       )
       (if
        (i64.eqz
         (local.get $10)
        )
        (then
         (i64.store
          (local.get $5)
          (local.get $15)
         )
        )
       )
       (local.set $16
        (local.get $10)
       )
       (br $block8)
      )
      (local.set $7
       (local.get $18)
      )
      (br_if $block1
       (block (result i32)
        (local.set $scratch_55
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
            (i64.const -4093)
           )
           (local.get $8)
          )
         )
        )
        (local.set $3
         (i32.const 65501)
        )
        (local.get $scratch_55)
       )
      )
      (local.set $10
       (i64.load32_s
        (local.tee $5
         (i32.add
          (i32.wrap_i64
           (local.get $7)
          )
          (i32.load offset=327688
           (local.get $4)
          )
         )
        )
       )
      )
      (i64.store32
       (local.get $5)
       (i64.add
        (local.get $10)
        (i64.extend32_s
         (local.get $17)
        )
       )
      )
      (local.set $14
       (local.get $10)
      )
      (local.set $7
       (local.get $18)
      )
      (br_if $block1
       (block (result i32)
        (local.set $scratch_56
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
         (i32.const 196572)
        )
        (local.get $scratch_56)
       )
      )
      (local.set $10
       (i64.load
        (i32.add
         (i32.wrap_i64
          (local.get $7)
         )
         (i32.load offset=65544
          (local.get $4)
         )
        )
       )
      )
      (i64.store offset=4808
       (i32.const 0)
       (i64.or
        (i64.shl
         (i64.load32_u offset=static
          (i32.shr_u
           (local.get $4)
           (i32.const 2)
          )
         )
         (i64.const 12)
        )
        (i64.and
         (local.get $7)
         (i64.const 4095)
        )
       )
      )
      (i64.store offset=4816
       (i32.const 0)
       (local.get $10)
      )
      (local.set $15
       (local.get $10)
      )
      (local.set $15
       (i64.add
        (local.get $15)
        (i64.const 1)
       )
      )
      (local.set $7
       (local.get $18)
      )
      (br_if $block1
       (block (result i32)
        (local.set $scratch_57
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
         (i32.const 458714)
        )
        (local.get $scratch_57)
       )
      )
      (local.set $10
       (i64.extend_i32_u
        (i32.or
         (i64.ne
          (i64.load
           (local.tee $5
            (i32.add
             (i32.wrap_i64
              (local.get $7)
             )
             (i32.load offset=327688
              (local.get $4)
             )
            )
           )
          )
          (i64.load offset=4816
           (i32.const 0)
          )
         )
         (i64.ne
          (i64.load offset=4808
           (i32.const 0)
          )
          (i64.or
           (i64.shl
            (i64.load32_u offset=static
             (i32.shr_u
              (local.get $4)
              (i32.const 2)
             )
            )
            (i64.const 12)
           )
           (i64.and
            (local.get $7)
            (i64.const 4095)
           )
          )
         )
        )
       )
      )
      (i64.store offset=4808
       (i32.const 0)
       (i64.const -1)
      )
      (if
       (i64.eqz
        (local.get $10)
       )
       (then
        (i64.store
         (local.get $5)
         (local.get $15)
        )
       )
      )
      (local.set $16
       (local.get $10)
      )
      (local.set $0
       (i32.sub
        (local.get $0)
        (i32.const 320)
       )
      )
      (br $label)
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_58
        (i32.le_s
         (local.get $0)
         (i32.const 0)
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch_58)
      )
     )
     (local.set $7
      (local.get $18)
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_59
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
           (i64.const -4093)
          )
          (local.get $8)
         )
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch_59)
      )
     )
     (local.set $10
      (i64.load32_s
       (local.tee $5
        (i32.add
         (i32.wrap_i64
          (local.get $7)
         )
         (i32.load offset=327688
          (local.get $4)
         )
        )
       )
      )
     )
     (i64.store32
      (local.get $5)
      (i64.add
       (local.get $10)
       (i64.extend32_s
        (local.get $17)
       )
      )
     )
     (local.set $14
      (local.get $10)
     )
     (local.set $7
      (local.get $18)
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_60
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
        (i32.const 196607)
       )
       (local.get $scratch_60)
      )
     )
     (local.set $10
      (i64.load
       (i32.add
        (i32.wrap_i64
         (local.get $7)
        )
        (i32.load offset=65544
         (local.get $4)
        )
       )
      )
     )
     (i64.store offset=4808
      (i32.const 0)
      (i64.or
       (i64.shl
        (i64.load32_u offset=static
         (i32.shr_u
          (local.get $4)
          (i32.const 2)
         )
        )
        (i64.const 12)
       )
       (i64.and
        (local.get $7)
        (i64.const 4095)
       )
      )
     )
     (i64.store offset=4816
      (i32.const 0)
      (local.get $10)
     )
     (local.set $15
      (local.get $10)
     )
     (local.set $15
      (i64.add
       (local.get $15)
       (i64.const 1)
      )
     )
     (local.set $7
      (local.get $18)
     )
     (br_if $block1
      (block (result i32)
       (local.set $scratch_61
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
        (i32.const 458749)
       )
       (local.get $scratch_61)
      )
     )
     (local.set $10
      (i64.extend_i32_u
       (i32.or
        (i64.ne
         (i64.load
          (local.tee $5
           (i32.add
            (i32.wrap_i64
             (local.get $7)
            )
            (i32.load offset=327688
             (local.get $4)
            )
           )
          )
         )
         (i64.load offset=4816
          (i32.const 0)
         )
        )
        (i64.ne
         (i64.load offset=4808
          (i32.const 0)
         )
         (i64.or
          (i64.shl
           (i64.load32_u offset=static
            (i32.shr_u
             (local.get $4)
             (i32.const 2)
            )
           )
           (i64.const 12)
          )
          (i64.and
           (local.get $7)
           (i64.const 4095)
          )
         )
        )
       )
      )
     )
     (i64.store offset=4808
      (i32.const 0)
      (i64.const -1)
     )
     (if
      (i64.eqz
       (local.get $10)
      )
      (then
       (i64.store
        (local.get $5)
        (local.get $15)
       )
      )
     )
     (local.set $16
      (local.get $10)
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
  (i64.store offset=4152
   (i32.const 0)
   (local.get $16)
  )
  (i64.store offset=4608
   (i32.const 0)
   (local.get $9)
  )
  (local.get $0)
 )
)
