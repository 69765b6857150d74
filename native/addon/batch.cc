#include "batch.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>

#include "args.h"

namespace vnet {

namespace {

/** Distinguishes our handle from another addon's external value. */
constexpr uint64_t kMagic = 0x766e65742d626174;

struct Batch {
  uint64_t magic = kMagic;
  uint8_t* arena = nullptr;
  size_t arenaLength = 0;
  int32_t* offsets = nullptr;
  int32_t* lengths = nullptr;
  int32_t capacity = 0;
  napi_ref references[3] = {};

  /**
   * The address of frame i, or null if the frame is not within the arena. Other threads may write
   * the arrays, so each element is read once.
   */
  uint8_t* frame(int32_t i, size_t* length) const {
    const int32_t offset = std::atomic_ref(offsets[i]).load(std::memory_order_relaxed);
    const int32_t bytes = std::atomic_ref(lengths[i]).load(std::memory_order_relaxed);
    if (offset < 0 || bytes < 0) return nullptr;
    *length = static_cast<size_t>(bytes);
    const auto begin = static_cast<size_t>(offset);
    if (begin > arenaLength || *length > arenaLength - begin) return nullptr;
    return arena + begin;
  }
};

void freeBatch(napi_env env, void* data, void*) {
  auto* batch = static_cast<Batch*>(data);
  for (napi_ref reference : batch->references) {
    if (reference != nullptr) napi_delete_reference(env, reference);
  }
  delete batch;
}

/** Finds the data of a typed array; false unless it has the right type, on a SharedArrayBuffer. */
bool sharedArray(napi_env env, napi_value value, napi_typedarray_type wanted, void** data,
                 size_t* length) {
  bool is = false;
  napi_typedarray_type type;
  napi_value buffer = nullptr;
  if (napi_is_typedarray(env, value, &is) != napi_ok || !is) return false;
  if (napi_get_typedarray_info(env, value, &type, length, data, &buffer, nullptr) != napi_ok) {
    return false;
  }
  bool unshared = true;
  return type == wanted && napi_is_arraybuffer(env, buffer, &unshared) == napi_ok && !unshared;
}

/** From this size on, glibc unmaps what is freed (DEFAULT_MMAP_THRESHOLD_MAX of its malloc). */
constexpr size_t kOwnMapping = size_t{32} << 20;

/**
 * Leaves the arena out of the processes that this one starts (MADV_DONTFORK): fork(2) fails with
 * ENOMEM if all arenas that lie side by side are larger than the machine's memory, and closed ones
 * remain until they are garbage collected.
 */
void keepFromChildren(napi_env env, napi_value array, uint8_t* data) {
  napi_value buffer = nullptr;
  napi_value value = nullptr;
  double reserved = 0;
  size_t offset = 0;
  if (napi_get_typedarray_info(env, array, nullptr, nullptr, nullptr, &buffer, &offset) != napi_ok ||
      napi_get_named_property(env, buffer, "byteLength", &value) != napi_ok ||
      napi_get_value_double(env, value, &reserved) != napi_ok || reserved < kOwnMapping) {
    return;
  }
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<uintptr_t>(data - offset);
  const uintptr_t begin = (start + page - 1) / page * page;
  const uintptr_t end = (start + static_cast<size_t>(reserved)) / page * page;
  madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTFORK);
}

/** The arguments of readBatch and writeBatch: batch, fd, n and, for reading, maxBytes. */
struct Call {
  Batch* batch = nullptr;
  int32_t fd = 0;
  int32_t n = 0;
  int32_t maxBytes = 0;

  template <size_t count>
  bool parse(napi_env env, napi_callback_info info) {
    napi_value values[count];
    size_t given = count;
    void* handle = nullptr;
    if (napi_get_cb_info(env, info, &given, values, nullptr, nullptr) != napi_ok) return false;
    if (napi_get_value_external(env, values[0], &handle) != napi_ok || handle == nullptr) return false;
    batch = static_cast<Batch*>(handle);
    if (batch->magic != kMagic) return false;
    if (napi_get_value_int32(env, values[1], &fd) != napi_ok ||
        napi_get_value_int32(env, values[2], &n) != napi_ok) {
      return false;
    }
    if constexpr (count > 3) {
      if (napi_get_value_int32(env, values[3], &maxBytes) != napi_ok) return false;
    }
    return n >= 0 && n <= batch->capacity && maxBytes >= 0;
  }
};

/**
 * System calls, not the C library's read(2) and write(2): those are cancellation points
 * (pthreads(7)), which costs time in a process with threads. AddressSanitizer needs the C
 * library's.
 */
#ifdef __SANITIZE_ADDRESS__
ssize_t readOnce(int fd, uint8_t* at, size_t length) { return ::read(fd, at, length); }
ssize_t writeOnce(int fd, const uint8_t* at, size_t length) { return ::write(fd, at, length); }
#else
ssize_t readOnce(int fd, uint8_t* at, size_t length) { return ::syscall(SYS_read, fd, at, length); }
ssize_t writeOnce(int fd, const uint8_t* at, size_t length) {
  return ::syscall(SYS_write, fd, at, length);
}
#endif

ssize_t readFrame(int fd, uint8_t* at, size_t length) {
  for (;;) {
    const ssize_t bytes = readOnce(fd, at, length);
    if (bytes >= 0) return bytes;
    if (errno != EINTR) return -errno;
  }
}

ssize_t writeFrame(int fd, const uint8_t* at, size_t length) {
  for (;;) {
    const ssize_t bytes = writeOnce(fd, at, length);
    if (bytes >= 0) return bytes;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace

napi_value CreateBatch(napi_env env, napi_callback_info info) {
  napi_value values[3];
  size_t count = 3;
  void* data[3] = {};
  size_t lengths[3] = {};
  if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok) {
    return result(env, -EINVAL);
  }
  for (size_t i = 0; i < 3; i++) {
    const napi_typedarray_type wanted = i == 0 ? napi_uint8_array : napi_int32_array;
    if (!sharedArray(env, values[i], wanted, &data[i], &lengths[i])) return result(env, -EINVAL);
  }

  auto* batch = new (std::nothrow) Batch;
  if (batch == nullptr) return result(env, -ENOMEM);
  batch->arena = static_cast<uint8_t*>(data[0]);
  keepFromChildren(env, values[0], batch->arena);
  batch->arenaLength = lengths[0];
  batch->offsets = static_cast<int32_t*>(data[1]);
  batch->lengths = static_cast<int32_t*>(data[2]);
  batch->capacity = static_cast<int32_t>(std::min<size_t>({lengths[1], lengths[2], INT32_MAX}));
  napi_value handle = nullptr;
  bool made = true;
  for (size_t i = 0; i < 3; i++) {
    made = made && napi_create_reference(env, values[i], 1, &batch->references[i]) == napi_ok;
  }
  if (!made || napi_create_external(env, batch, freeBatch, nullptr, &handle) != napi_ok) {
    freeBatch(env, batch, nullptr);
    return result(env, -ENOMEM);
  }
  return handle;
}

napi_value ReadBatch(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.parse<4>(env, info)) return result(env, -EINVAL);
  const Batch& batch = *call.batch;
  int64_t total = 0;
  int32_t i = 0;
  // (1) One call reads a batch of frames into slots of the pool.
  for (; i < call.n; i++) {
    size_t length;
    uint8_t* at = batch.frame(i, &length);
    // A length of 0 is the caller's mistake, not an empty frame: its read(2) would return 0
    // immediately and take nothing.
    const ssize_t bytes = at == nullptr || length == 0 ? -EFAULT : readFrame(call.fd, at, length);
    if (bytes < 0) {
      if (i == 0 && bytes != -EAGAIN) return result(env, static_cast<int>(bytes));
      break;
    }
    std::atomic_ref(batch.lengths[i]).store(static_cast<int32_t>(bytes), std::memory_order_relaxed);
    total += bytes;
    if (call.maxBytes > 0 && total >= call.maxBytes) {
      i++;
      break;
    }
  }
  return result(env, i);
}

napi_value WriteBatch(napi_env env, napi_callback_info info) {
  Call call;
  if (!call.parse<3>(env, info)) return result(env, -EINVAL);
  const Batch& batch = *call.batch;
  int32_t i = 0;
  // (5) One call hands a batch of frames to the network stack.
  for (; i < call.n; i++) {
    size_t length;
    const uint8_t* at = batch.frame(i, &length);
    const ssize_t bytes = at == nullptr ? -EFAULT : writeFrame(call.fd, at, length);
    if (bytes == -EAGAIN) break;
    std::atomic_ref(batch.lengths[i]).store(static_cast<int32_t>(bytes), std::memory_order_relaxed);
  }
  return result(env, i);
}

}  // namespace vnet
