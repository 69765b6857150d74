/** The netlink codec: messages, attributes, policies, acknowledgements. It opens no sockets. */
export * from './ack.ts'
export * from './builder.ts'
export * from './genl.ts'
export * from './host-order.ts'
export * from './message.ts'
export * from './name.ts'
export * from './policy.ts'
