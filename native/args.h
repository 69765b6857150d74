// The arguments of one cold call, checked as they are taken: the first of a wrong type makes ok() false, and what it
// yields is harmless. Nothing here throws or leaves an exception pending.
#ifndef VNET_NATIVE_ARGS_H
#define VNET_NATIVE_ARGS_H

#include <node_api.h>

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace vnet {

/** The octets of a Uint8Array, on an ArrayBuffer or a SharedArrayBuffer; JavaScript owns them. */
struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

class Args {
 public:
  static constexpr size_t kMax = 5;

  Args(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kMax;
    ok_ = napi_get_cb_info(env, info, &count, values_, nullptr, nullptr) == napi_ok;
  }

  bool ok() const { return ok_; }

  /** Any finite number. */
  double number(size_t i) {
    double value = 0;
    if (napi_get_value_double(env_, values_[i], &value) != napi_ok || !std::isfinite(value)) return fail<double>();
    return value;
  }

  /** A whole number that fits the type; fractions and values out of range are refused, not rounded. */
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

  bool isNumber(size_t i) const {
    napi_valuetype type;
    return ok_ && napi_typeof(env_, values_[i], &type) == napi_ok && type == napi_number;
  }

  /** A function, or null. */
  napi_value function(size_t i) {
    napi_valuetype type;
    if (!ok_ || napi_typeof(env_, values_[i], &type) != napi_ok || type != napi_function) return fail<napi_value>();
    return values_[i];
  }

  Bytes bytes(size_t i) { return typedArray<uint8_t>(i, napi_uint8_array); }

  /** The data of an Int32Array of at least `length` elements, or null. */
  int32_t* int32s(size_t i, size_t length) {
    const Bytes array = typedArray<int32_t>(i, napi_int32_array);
    if (array.length < length) return fail<int32_t*>();
    return reinterpret_cast<int32_t*>(array.data);
  }

  /** A string without NUL that fits `size` octets with its terminator. */
  template <size_t size>
  bool string(size_t i, char (&into)[size]) {
    size_t length = 0;
    if (!ok_ || napi_get_value_string_utf8(env_, values_[i], into, size, &length) != napi_ok || length + 1 >= size) {
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
    bool is = false;
    if (!ok_ || napi_is_typedarray(env_, values_[i], &is) != napi_ok || !is) return fail<Bytes>();
    napi_typedarray_type type;
    size_t length = 0;
    void* data = nullptr;
    const napi_status status = napi_get_typedarray_info(env_, values_[i], &type, &length, &data, nullptr, nullptr);
    if (status != napi_ok || type != wanted) return fail<Bytes>();
    return {static_cast<uint8_t*>(data), length};
  }

  napi_env env_;
  napi_value values_[kMax] = {};
  bool ok_;
};

/** A call's result as JavaScript sees it. */
inline napi_value result(napi_env env, int value) {
  napi_value out = nullptr;
  napi_create_int32(env, value, &out);
  return out;
}

}  // namespace vnet

#endif
