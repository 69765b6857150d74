// The arguments of one call on the control path, checked as they are read. The first argument of a
// wrong type makes ok() false and reads as zero, null or empty, as do all arguments after it.
// Nothing here throws or leaves an exception pending.
#ifndef VNET_NATIVE_ARGS_H
#define VNET_NATIVE_ARGS_H

#include <napi.h>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace vnet {

/** The bytes of a Uint8Array, on an ArrayBuffer or a SharedArrayBuffer. JavaScript owns them. */
struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

class Args {
 public:
  explicit Args(const Napi::CallbackInfo& info) : info_(info) {}

  bool ok() const { return ok_; }

  /** Any finite number. */
  double number(size_t i) {
    if (!isNumber(i)) return fail<double>();
    const double value = info_[i].As<Napi::Number>().DoubleValue();
    return std::isfinite(value) ? value : fail<double>();
  }

  /** An integer that fits the type. Fractions and values out of range are refused, not rounded. */
  template <typename Integer>
  Integer integer(size_t i) {
    const double value = number(i);
    if (value != std::trunc(value) || std::fabs(value) > kMaxSafeInteger) return fail<Integer>();
    const auto whole = static_cast<int64_t>(value);
    const auto result = static_cast<Integer>(whole);
    if (static_cast<int64_t>(result) != whole) return fail<Integer>();
    return result;
  }

  int fd(size_t i) { return integer<int32_t>(i); }

  /** A bigint of at most 64 bits, such as an address in another process. */
  uint64_t uint64(size_t i) {
    uint64_t value = 0;
    bool lossless = false;
    if (!ok_ || napi_get_value_bigint_uint64(info_.Env(), info_[i], &value, &lossless) != napi_ok || !lossless) {
      return fail<uint64_t>();
    }
    return value;
  }

  bool isNumber(size_t i) const { return ok_ && info_[i].IsNumber(); }

  /** A function, or null. */
  napi_value function(size_t i) {
    if (!ok_ || !info_[i].IsFunction()) return fail<napi_value>();
    return info_[i];
  }

  Bytes bytes(size_t i) { return typedArray<uint8_t>(i, napi_uint8_array); }

  /** The data of an Int32Array of at least `length` elements, or null. */
  int32_t* int32s(size_t i, size_t length) {
    const Bytes array = typedArray<int32_t>(i, napi_int32_array);
    if (array.length < length) return fail<int32_t*>();
    return reinterpret_cast<int32_t*>(array.data);
  }

  /** As above, and sets `count` to the number of elements. */
  int32_t* int32s(size_t i, size_t least, size_t& count) {
    count = typedArray<int32_t>(i, napi_int32_array).length;
    return int32s(i, least);
  }

  /** A string without NUL that fits `size` bytes with its terminator. */
  template <size_t size>
  bool string(size_t i, char (&into)[size]) {
    size_t length = 0;
    if (!ok_ || napi_get_value_string_utf8(info_.Env(), info_[i], into, size, &length) != napi_ok ||
        length + 1 >= size) {
      return fail<bool>();
    }
    for (size_t at = 0; at < length; at++) {
      if (into[at] == '\0') return fail<bool>();
    }
    return true;
  }

 private:
  static constexpr double kMaxSafeInteger = 9007199254740991.0;

  template <typename Result>
  Result fail() {
    ok_ = false;
    return Result{};
  }

  template <typename Element>
  Bytes typedArray(size_t i, napi_typedarray_type wanted) {
    if (!ok_ || !info_[i].IsTypedArray()) return fail<Bytes>();
    auto array = info_[i].As<Napi::TypedArrayOf<Element>>();
    if (array.TypedArrayType() != wanted) return fail<Bytes>();
    return {reinterpret_cast<uint8_t*>(array.Data()), array.ElementLength()};
  }

  const Napi::CallbackInfo& info_;
  bool ok_ = true;
};

/** The number that a call returns to JavaScript. */
inline Napi::Value result(const Napi::CallbackInfo& info, int value) {
  return Napi::Number::New(info.Env(), value);
}

inline napi_value result(napi_env env, int value) {
  napi_value out = nullptr;
  napi_create_int32(env, value, &out);
  return out;
}

}  // namespace vnet

#endif
