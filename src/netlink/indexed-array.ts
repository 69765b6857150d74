/**
 * Arrays of sets: an attribute that holds attributes whose types are indices, each of which holds a set of the same kind
 * (`indexed-array` in YNL; nlctrl's lists of operations and groups).
 */
import { attributes } from './attribute.ts'
import type { MessageBuilder } from './builder.ts'
import { NL_ATTR_TYPE_NESTED_ARRAY } from './nla-type.ts'
import { type Decoded, decodeAttributes, type Field, type Fields, type Policy } from './policy.ts'

/** The sets in their order, whatever their indices are. */
export function indexedArray<F extends Fields>(type: number, inner: Policy<F>): Field<readonly Decoded<F>[], false> {
  return {
    type,
    required: false,
    nla: { type: NL_ATTR_TYPE_NESTED_ARRAY },
    decode: (bytes, offset, length) =>
      Array.from(attributes(bytes, offset, length), each => decodeAttributes(inner, bytes, each.offset, each.length)),
  }
}

/** Writes an array of sets, with indices from 1 on. A RangeError when it does not fit an attribute (64 KiB). */
export function writeIndexedArray<T>(
  builder: MessageBuilder,
  type: number,
  items: Iterable<T>,
  write: (builder: MessageBuilder, item: T) => void,
): void {
  builder.nested(type, array => {
    let index = 1
    for (const item of items) array.nested(index++, set => write(set, item))
  })
}
