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
  (local $38 i32)
  (local $39 i32)
  (local $40 i32)
  (local $41 i32)
  (local $42 i32)
  (local $43 i32)
  (local $scratch i32)
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
  (local $scratch_62 i32)
  (local $scratch_63 i32)
  (local $scratch_64 i32)
  (local $scratch_65 i32)
  (local $scratch_66 i32)
  (local $scratch_67 i32)
  (local $scratch_68 i32)
  (local $scratch_69 i32)
  (local $scratch_70 i32)
  (local $scratch_71 i32)
  (local $scratch_72 i32)
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
      (local.set $scratch_45
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
      (local.get $scratch_45)
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
     (block $block1
      (br_if $block1
       (i32.le_s
        (local.get $0)
        (i32.const 0)
       )
      )
      (local.set $7
       (i64.add
        (local.get $16)
        (i64.const 0)
       )
      )
      (br_if $block1
       (i32.gt_u
        (i32.and
         (i32.wrap_i64
          (local.get $7)
         )
         (i32.const 4095)
        )
        (i32.const 4092)
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
        (br_if $block1
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
      (local.set $38
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
        (i64.const 4)
       )
      )
      (br_if $block1
       (i32.gt_u
        (i32.and
         (i32.wrap_i64
          (local.get $7)
         )
         (i32.const 4095)
        )
        (i32.const 4092)
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
        (br_if $block1
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
      (local.set $39
       (i32.add
        (i32.load offset=2056
         (i32.const 0)
        )
        (i32.wrap_i64
         (local.get $7)
        )
       )
      )
      (block $block2
       (br_if $block
        (block (result i32)
         (local.set $scratch_46
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
         (local.get $scratch_46)
        )
       )
       (local.set $18
        (f64.reinterpret_i64
         (i64.or
          (i64.extend_i32_u
           (i32.reinterpret_f32
            (local.tee $31
             (f32.load
              (local.get $38)
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
           (local.set $scratch_47
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
            (i32.const 196607)
           )
           (local.get $scratch_47)
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
         (local.set $scratch_48
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
          (i32.const 327678)
         )
         (local.get $scratch_48)
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
       (f32.store
        (local.get $39)
        (local.get $33)
       )
       (local.set $21
        (f64.promote_f32
         (local.get $33)
        )
       )
       (br_if $block
        (block (result i32)
         (local.set $scratch_49
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
          (i32.const 589820)
         )
         (local.get $scratch_49)
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
       (br $block2)
      )
      (block $block3
       (br_if $block
        (block (result i32)
         (local.set $scratch_50
          (i32.ne
           (i32.and
            (local.get $6)
            (i32.const 3)
           )
           (i32.const 3)
          )
         )
         (local.set $3
          (i32.const 65529)
         )
         (local.get $scratch_50)
        )
       )
       (local.set $18
        (f64.reinterpret_i64
         (i64.or
          (i64.extend_i32_u
           (i32.reinterpret_f32
            (local.tee $31
             (f32.load
              (local.get $38)
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
           (local.set $scratch_51
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
            (i32.const 196600)
           )
           (local.get $scratch_51)
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
         (local.set $scratch_52
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
          (i32.const 327671)
         )
         (local.get $scratch_52)
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
       (f32.store
        (local.get $39)
        (local.get $33)
       )
       (local.set $21
        (f64.promote_f32
         (local.get $33)
        )
       )
       (br_if $block
        (block (result i32)
         (local.set $scratch_53
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
          (i32.const 589813)
         )
         (local.get $scratch_53)
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
       (br $block3)
      )
      (block $block4
       (br_if $block
        (block (result i32)
         (local.set $scratch_54
          (i32.ne
           (i32.and
            (local.get $6)
            (i32.const 3)
           )
           (i32.const 3)
          )
         )
         (local.set $3
          (i32.const 65522)
         )
         (local.get $scratch_54)
        )
       )
       (local.set $18
        (f64.reinterpret_i64
         (i64.or
          (i64.extend_i32_u
           (i32.reinterpret_f32
            (local.tee $31
             (f32.load
              (local.get $38)
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
           (local.set $scratch_55
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
            (i32.const 196593)
           )
           (local.get $scratch_55)
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
         (local.set $scratch_56
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
          (i32.const 327664)
         )
         (local.get $scratch_56)
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
       (f32.store
        (local.get $39)
        (local.get $33)
       )
       (local.set $21
        (f64.promote_f32
         (local.get $33)
        )
       )
       (br_if $block
        (block (result i32)
         (local.set $scratch_57
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
          (i32.const 589806)
         )
         (local.get $scratch_57)
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
       (br $block4)
      )
      (block $block5
       (br_if $block
        (block (result i32)
         (local.set $scratch_58
          (i32.ne
           (i32.and
            (local.get $6)
            (i32.const 3)
           )
           (i32.const 3)
          )
         )
         (local.set $3
          (i32.const 65515)
         )
         (local.get $scratch_58)
        )
       )
       (local.set $18
        (f64.reinterpret_i64
         (i64.or
          (i64.extend_i32_u
           (i32.reinterpret_f32
            (local.tee $31
             (f32.load
              (local.get $38)
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
           (local.set $scratch_59
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
            (i32.const 196586)
           )
           (local.get $scratch_59)
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
         (local.set $scratch_60
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
          (i32.const 327657)
         )
         (local.get $scratch_60)
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
       (f32.store
        (local.get $39)
        (local.get $33)
       )
       (local.set $21
        (f64.promote_f32
         (local.get $33)
        )
       )
       (br_if $block
        (block (result i32)
         (local.set $scratch_61
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
          (i32.const 589799)
         )
         (local.get $scratch_61)
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
       (br $block5)
      )
      (br_if $block
       (block (result i32)
        (local.set $scratch_62
         (i32.ne
          (i32.and
           (local.get $6)
           (i32.const 3)
          )
          (i32.const 3)
         )
        )
        (local.set $3
         (i32.const 65508)
        )
        (local.get $scratch_62)
       )
      )
      (local.set $18
       (f64.reinterpret_i64
        (i64.or
         (i64.extend_i32_u
          (i32.reinterpret_f32
           (local.tee $31
            (f32.load
             (local.get $38)
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
          (local.set $scratch_63
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
           (i32.const 196579)
          )
          (local.get $scratch_63)
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
        (local.set $scratch_64
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
         (i32.const 327650)
        )
        (local.get $scratch_64)
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
      (f32.store
       (local.get $39)
       (local.get $33)
      )
      (local.set $21
       (f64.promote_f32
        (local.get $33)
       )
      )
      (br_if $block
       (block (result i32)
        (local.set $scratch_65
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
         (i32.const 589792)
        )
        (local.get $scratch_65)
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
      (local.set $0
       (i32.sub
        (local.get $0)
        (i32.const 280)
       )
      )
      (br $label)
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_66
        (i32.le_s
         (local.get $0)
         (i32.const 0)
        )
       )
       (local.set $3
        (i32.const 0)
       )
       (local.get $scratch_66)
      )
     )
     (br_if $block
      (block (result i32)
       (local.set $scratch_67
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
       (local.get $scratch_67)
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
         (local.set $scratch_68
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
             (i64.const -4093)
            )
            (local.get $8)
           )
          )
         )
         (local.set $3
          (i32.const 0)
         )
         (local.get $scratch_68)
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
         (local.set $scratch_69
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
          (i32.const 196607)
         )
         (local.get $scratch_69)
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
       (local.set $scratch_70
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
        (i32.const 327678)
       )
       (local.get $scratch_70)
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
         (local.set $scratch_71
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
          (i32.const 458749)
         )
         (local.get $scratch_71)
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
       (local.set $scratch_72
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
        (i32.const 589820)
       )
       (local.get $scratch_72)
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
     (local.set $0
      (i32.sub
       (local.get $0)
       (i32.const 56)
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
