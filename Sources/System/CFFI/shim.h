#include <ffi.h>

/* libffi's types are variables, which Swift 6 will not let us touch: their addresses by number instead. */
enum {
   cffi_void, cffi_u8, cffi_i8, cffi_u16, cffi_i16, cffi_u32, cffi_i32, cffi_u64, cffi_i64, cffi_f32, cffi_f64, cffi_pointer
};

static inline ffi_type *cffi_type(int kind) {
   switch (kind) {
   case cffi_void: return &ffi_type_void;
   case cffi_u8: return &ffi_type_uint8;
   case cffi_i8: return &ffi_type_sint8;
   case cffi_u16: return &ffi_type_uint16;
   case cffi_i16: return &ffi_type_sint16;
   case cffi_u32: return &ffi_type_uint32;
   case cffi_i32: return &ffi_type_sint32;
   case cffi_u64: return &ffi_type_uint64;
   case cffi_i64: return &ffi_type_sint64;
   case cffi_f32: return &ffi_type_float;
   case cffi_f64: return &ffi_type_double;
   default: return &ffi_type_pointer;
   }
}

/* A call whose function is an address. */
static inline void cffi_call(ffi_cif *cif, void *function, void *result, void **arguments) {
   ffi_call(cif, (void (*)(void))function, result, arguments);
}
