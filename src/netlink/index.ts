/** The netlink codec: messages, attributes, policies, acknowledgements. Pure functions over octets; it opens no socket. */
export * from './ack.ts'
export * from './attribute.ts'
export * from './builder.ts'
export * from './host-order.ts'
export * from './message.ts'
export * from './parse-error.ts'
export * from './policy.ts'
