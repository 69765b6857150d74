/** Requests of a program in a guest to its host (native/guest/guest.cc). */
import { Buffer } from 'node:buffer'
import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'

const REQUESTS = '/dev/vnet-guest'
const REPLY = '/dev/vnet-reply'

/**
 * Stops the machine until its host has a reply, and returns the reply. The host can copy the
 * stopped machine and give each copy another reply. No other thread may ask at the same time.
 * Throws outside of a guest.
 */
export function stopMachine(why: string): Buffer {
  return withFile(REQUESTS, 'w', requests =>
    withFile(REPLY, 'r', reply => {
      // A signal may end a write(2) early: this function writes the rest.
      writeFileSync(requests, `stop ${why.replaceAll('\n', ' ')}\n`)
      return readExactly(reply, readExactly(reply, Uint32Array.BYTES_PER_ELEMENT).readUInt32LE())
    }),
  )
}

function withFile<T>(path: string, flags: string, fn: (fd: number) => T): T {
  const fd = openSync(path, flags)
  try {
    return fn(fd)
  } finally {
    closeSync(fd)
  }
}

function readExactly(fd: number, length: number): Buffer {
  const content = Buffer.alloc(length)
  for (let at = 0; at < length; ) {
    at += readSync(fd, content, at, length - at, null)
  }
  return content
}
