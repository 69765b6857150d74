/**
 * What kind of attribute a field is, in the numbers by which a policy is told to those who ask for it (enum netlink_attribute_type,
 * enum netlink_policy_type_attr of include/uapi/linux/netlink.h).
 */
import type { MessageBuilder } from './builder.ts'

export const NL_ATTR_TYPE_FLAG = 1
export const NL_ATTR_TYPE_U8 = 2
export const NL_ATTR_TYPE_U16 = 3
export const NL_ATTR_TYPE_U32 = 4
export const NL_ATTR_TYPE_U64 = 5
export const NL_ATTR_TYPE_S32 = 8
export const NL_ATTR_TYPE_BINARY = 10
export const NL_ATTR_TYPE_STRING = 11
export const NL_ATTR_TYPE_NESTED = 13
export const NL_ATTR_TYPE_NESTED_ARRAY = 14

export const NL_POLICY_TYPE_ATTR_TYPE = 1
export const NL_POLICY_TYPE_ATTR_MIN_LENGTH = 6
export const NL_POLICY_TYPE_ATTR_MAX_LENGTH = 7

export interface NlaType {
  /** NL_ATTR_TYPE_* */
  readonly type: number
  /** Octets, of what has no length of its own. */
  readonly minLength?: number
  readonly maxLength?: number
}

export function writeNlaType(builder: MessageBuilder, { type, minLength, maxLength }: NlaType): void {
  builder.u32(NL_POLICY_TYPE_ATTR_TYPE, type)
  if (minLength !== undefined) builder.u32(NL_POLICY_TYPE_ATTR_MIN_LENGTH, minLength)
  if (maxLength !== undefined) builder.u32(NL_POLICY_TYPE_ATTR_MAX_LENGTH, maxLength)
}
