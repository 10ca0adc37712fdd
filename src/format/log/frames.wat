;; Follows the records of a log file in memory and checks their checksums (format document, 2.3 and 2.5).
;; Hashes pages, too (4.5). `npm run wasm` compiles this into frames-wasm.ts.
(module
  (memory (export "memory") 1)

  ;; The hash of bytes [$at, $end): h = h * 33 + byte, modulo 2^32.
  (func $hash (export "hash") (param $at i32) (param $end i32) (result i32)
    (local $h i32)
    (local $four v128) ;; hashes of four bytes each
    (local $sums v128)
    (if (i32.ge_u (i32.sub (local.get $end) (local.get $at)) (i32.const 16)) (then
      (loop $sixteen
        ;; Pairs of bytes, then pairs of pairs: all of it fits 16 bits but the last step.
        (local.set $four (v128.load align=1 (local.get $at)))
        (local.set $four
          (i32x4.dot_i16x8_s
            (i16x8.narrow_i32x4_s
              (i32x4.dot_i16x8_s
                (i16x8.extend_low_i8x16_u (local.get $four))
                (v128.const i16x8 33 1 33 1 33 1 33 1))
              (i32x4.dot_i16x8_s
                (i16x8.extend_high_i8x16_u (local.get $four))
                (v128.const i16x8 33 1 33 1 33 1 33 1)))
            (v128.const i16x8 1089 1 1089 1 1089 1 1089 1)))
        ;; 33 ^ 16
        (local.set $sums
          (i32x4.add
            (i32x4.mul (local.get $sums) (v128.const i32x4 0x92d9e201 0x92d9e201 0x92d9e201 0x92d9e201))
            (local.get $four)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br_if $sixteen (i32.ge_u (i32.sub (local.get $end) (local.get $at)) (i32.const 16))))
      ;; 33 ^ 12, 33 ^ 8, 33 ^ 4, 1
      (local.set $sums (i32x4.mul (local.get $sums) (v128.const i32x4 0x4f5f0981 0x747c7101 0x00121881 1)))
      (local.set $h
        (i32.add
          (i32.add (i32x4.extract_lane 0 (local.get $sums)) (i32x4.extract_lane 1 (local.get $sums)))
          (i32.add (i32x4.extract_lane 2 (local.get $sums)) (i32x4.extract_lane 3 (local.get $sums)))))))
    (block $done
      (loop $one
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $h
          (i32.add (i32.mul (local.get $h) (i32.const 33)) (i32.load8_u (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $one)))
    (local.get $h))

  ;; Stores the addresses of the records that follow each other from $at on, all of them whole before $end, at $found.
  ;; Stops at the first that is not whole, does not follow, or, when $verify, does not match its checksum.
  ;; $shift: what to add to an address to get the offset in the file; $prev: offset of the record before.
  (func (export "follow")
    (param $at i32) (param $end i32) (param $shift i32) (param $prev i32) (param $verify i32) (param $found i32)
    (result i32)
    (local $length i32)
    (local $count i32)
    (block $stop
      (loop $next
        (br_if $stop (i32.lt_u (i32.sub (local.get $end) (local.get $at)) (i32.const 28)))
        (local.set $length (i32.load offset=4 align=1 (local.get $at)))
        (br_if $stop (i32.lt_u (local.get $length) (i32.const 28)))
        (br_if $stop (i32.gt_u (local.get $length) (i32.sub (local.get $end) (local.get $at))))
        (br_if $stop (i32.ne (i32.load align=1 (local.get $at)) (local.get $prev)))
        (if (local.get $verify) (then
          (br_if $stop
            (i32.ne
              (i32.load offset=8 align=1 (local.get $at))
              (i32.xor
                (i32.xor (local.get $prev) (local.get $length))
                (call $hash
                  (i32.add (local.get $at) (i32.const 12))
                  (i32.add (local.get $at) (local.get $length))))))))
        (i32.store (i32.add (local.get $found) (i32.shl (local.get $count) (i32.const 2))) (local.get $at))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (local.set $prev (i32.add (local.get $at) (local.get $shift)))
        (local.set $at (i32.add (local.get $at) (local.get $length)))
        (br $next)))
    (local.get $count))
)
