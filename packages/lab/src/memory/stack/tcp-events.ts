/** The events of a connection that wait for their delivery, as bits. */
import type { TcpEvents } from './contract.ts'

export const ACCEPT = 1
export const CONNECT = 2
export const READABLE = 4
export const WRITABLE = 8
export const FAILED = 16
/** Not an event: the user has read a part of the received bytes. */
export const READ = 32

/** The events of a connection without a user. */
export const NO_EVENTS: TcpEvents = { onConnect() {}, onReadable() {}, onWritable() {}, onError() {} }
