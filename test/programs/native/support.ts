/**
 * Descriptors that behave like a TAP without root, and child processes that load only the addon.
 */
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'
import { check } from '#src/linux/errno.ts'
import { type Batch, loadNative } from '#src/linux/native.ts'
import { AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK } from '#src/linux/uapi.ts'

// Child processes with the sanitizer build are slow to start on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

export const native = loadNative()

/** The path that a child process requires: the sanitizer build if that is under test. */
export const addonPath =
  process.env.VNET_ADDON ??
  fileURLToPath(new URL('../../../build/Release/vnet.node', import.meta.url))

/** A sockaddr_un in the abstract namespace, which needs no file. */
export function abstractAddress(): Uint8Array {
  return new Uint8Array([AF_UNIX, 0, 0, ...new TextEncoder().encode(`vnet-test-${randomUUID()}`)])
}

/** A datagram socket that receives the frames of `send`, one by one like a TAP. */
export function datagrams() {
  const address = abstractAddress()
  const fd = check(native.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, -1), 'socket')
  const sender = check(native.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, -1), 'socket')
  check(native.bind(fd, address), 'bind')
  return {
    fd,
    address,
    send: (...octets: number[]) =>
      check(native.sendto(sender, Uint8Array.from(octets), 0, address), 'sendto'),
    close: () => {
      native.close(fd)
      native.close(sender)
    },
  }
}

/** A batch of `count` consecutive frames of `size` bytes each. */
export function frames(count: number, size: number) {
  const arena = new Uint8Array(new SharedArrayBuffer(count * size))
  const offsets = new Int32Array(new SharedArrayBuffer(count * 4))
  for (let i = 0; i < count; i++) {
    offsets[i] = i * size
  }
  const lengths = new Int32Array(new SharedArrayBuffer(count * 4)).fill(size)
  const batch = native.createBatch(arena, offsets, lengths) as Batch
  return {
    arena,
    offsets,
    lengths,
    batch,
    frame: (i: number) => [...arena.subarray(offsets[i], offsets[i] + lengths[i])],
  }
}

/** How a child process ended. */
export interface Outcome {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a CommonJS script in which `native` is the addon. `command` is node with its options. */
export function run(
  script: string,
  command: readonly string[] = [process.execPath],
): Promise<Outcome> {
  const prelude = `const native = require(${JSON.stringify(addonPath)});`
  const child = spawn(command[0], [...command.slice(1), '-e', prelude + script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const out = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', text => {
    out.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', text => {
    out.stderr += text
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, ...out }))
  })
}

/**
 * Runs `main`, in which `start()` starts a worker that runs `worker`. `native` is the addon in
 * both.
 */
export function runWorker(
  worker: string,
  main: string,
  command?: readonly string[],
): Promise<Outcome> {
  const code = JSON.stringify(`const native = require(${JSON.stringify(addonPath)});${worker}`)
  return run(
    `const start = () => new (require('node:worker_threads').Worker)(${code}, { eval: true });${main}`,
    command,
  )
}
