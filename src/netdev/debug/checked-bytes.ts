/**
 * The arena as a driver sees it through `skb.bytes`: a proxy that checks each position, and does
 * not write to a wrong one. A driver may use the room of every frame that it owns, and of no other.
 * It may not read past the end of a frame, where bytes of an older frame remain.
 */

/** 'room' is for accesses that may be either: a view of the bytes, or a copy of them. */
export type How = 'read' | 'write' | 'room'
/** Called before each access to the bytes from position `from` to `to`. False forbids a write. */
export type Check = (from: number, to: number, how: How) => boolean

type Method = (...args: unknown[]) => unknown

/** Checks accesses to `bytes`; calls `escaped` when all bytes become accessible without a check. */
export function checkedBytes(bytes: Uint8Array, check: Check, escaped: () => void): Uint8Array {
  const { length } = bytes
  const at = (position: unknown, usual: number): number => {
    const n = position === undefined ? usual : Math.trunc(Number(position)) || 0
    return n < 0 ? Math.max(0, length + n) : Math.min(n, length)
  }
  const methods: Record<string, Method> = {
    set(source, to = 0) {
      const from = source as ArrayLike<number>
      if (check(Number(to), Number(to) + from.length, 'write')) {
        bytes.set(from, Number(to))
      }
    },
    fill(value, from, to) {
      if (!check(at(from, 0), at(to, length), 'write')) return bytes
      return bytes.fill(Number(value), at(from, 0), at(to, length))
    },
    copyWithin(to, from, end) {
      const n = Math.max(0, at(end, length) - at(from, 0))
      if (
        !check(at(to, 0), at(to, 0) + n, 'write') ||
        !check(at(from, 0), at(from, 0) + n, 'room')
      ) {
        return bytes
      }
      return bytes.copyWithin(at(to, 0), at(from, 0), at(end, length))
    },
    slice(from, to) {
      check(at(from, 0), at(to, length), 'read')
      return bytes.slice(at(from, 0), at(to, length))
    },
    subarray(from, to) {
      check(at(from, 0), at(to, length), 'room')
      return bytes.subarray(at(from, 0), at(to, length))
    },
  }
  return new Proxy(bytes, {
    get(_, key) {
      const position = positionOf(key)
      if (position !== undefined) {
        check(position, position + 1, 'read')
        return bytes[position]
      }
      if (typeof key === 'string' && Object.hasOwn(methods, key)) return methods[key]
      const value: unknown = Reflect.get(bytes, key, bytes)
      if (typeof value === 'function' || key === 'buffer') {
        escaped()
      }
      return typeof value === 'function' ? value.bind(bytes) : value
    },
    set(_, key, value) {
      const position = positionOf(key)
      if (position !== undefined && !check(position, position + 1, 'write')) return true
      return Reflect.set(bytes, key, value, bytes)
    },
  })
}

/** Returns undefined unless `key` is a position. Negative ones count: they are reported. */
function positionOf(key: string | symbol): number | undefined {
  if (typeof key === 'symbol') return undefined
  const code = key.charCodeAt(key.startsWith('-') ? 1 : 0)
  return code >= 48 && code <= 57 ? Number(key) : undefined
}
