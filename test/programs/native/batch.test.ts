import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { EBADF, EFAULT, EINVAL, EISDIR, ENOSPC } from '#src/base/errno.ts'
import { check } from '#src/linux/errno.ts'
import type { Batch } from '#src/linux/native.ts'
import { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } from '#src/linux/uapi.ts'
import { datagrams, frames, native, run } from './support.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) {
    cleanup()
  }
})

const open = (path: string, flags: number) => {
  const fd = check(native.open(path, flags | O_NONBLOCK, -1), `open ${path}`)
  cleanups.push(() => native.close(fd))
  return fd
}

const receiver = () => {
  const socket = datagrams()
  cleanups.push(socket.close)
  return socket
}

const fifo = () => {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-'))
  cleanups.push(() => rmSync(directory, { recursive: true }))
  execFileSync('mkfifo', [join(directory, 'fifo')])
  return open(join(directory, 'fifo'), O_RDWR)
}

describe('createBatch', () => {
  const shared = (octets: number) => new SharedArrayBuffer(octets)

  test('createBatch refuses arrays that are not on a SharedArrayBuffer', () => {
    const arena = new Uint8Array(shared(64))
    const int32s = () => new Int32Array(shared(16))
    expect(native.createBatch(new Uint8Array(64), int32s(), int32s())).toBe(-EINVAL)
    expect(native.createBatch(arena, new Int32Array(4), int32s())).toBe(-EINVAL)
    expect(native.createBatch(arena, int32s(), new Int32Array(4))).toBe(-EINVAL)
    expect(native.createBatch(arena, int32s(), int32s())).toBeTypeOf('object')
  })

  test('createBatch refuses arrays of another element type', () => {
    const floats = new Float32Array(shared(16)) as unknown as Int32Array
    expect(native.createBatch(new Uint8Array(shared(64)), floats, floats)).toBe(-EINVAL)
    expect(
      native.createBatch(new Int8Array(shared(64)) as unknown as Uint8Array, floats, floats),
    ).toBe(-EINVAL)
  })

  test('createBatch respects the byte offsets of its arrays', () => {
    const { fd, send } = receiver()
    const buffer = shared(64)
    const arena = new Uint8Array(buffer, 8, 8)
    const offsets = new Int32Array(buffer, 16, 1)
    const lengths = new Int32Array(buffer, 20, 1).fill(8)
    const batch = native.createBatch(arena, offsets, lengths) as Batch
    send(1, 2, 3)
    expect(native.readBatch(batch, fd, 1, 0)).toBe(1)
    expect([...new Uint8Array(buffer, 0, 24)]).toEqual([
      0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0,
    ])
  })
})

describe('memory of a batch', () => {
  const GIB = 2 ** 30
  const batchOn = (octets: number) => {
    const int32s = new Int32Array(new SharedArrayBuffer(16))
    return native.createBatch(new Uint8Array(new SharedArrayBuffer(octets), 0, 64), int32s, int32s)
  }
  /** Sizes in KiB of what fork(2) does not copy. */
  const leftOut = () => {
    const mappings = readFileSync('/proc/self/smaps', 'utf8').matchAll(
      /^Size: +(\d+) kB\n(?:\w+:.*\n)*?VmFlags:.* dc/gm,
    )
    return [...mappings].map(([, size]) => Number(size))
  }

  test('a program with arenas of more than the memory of the machine starts programs', () => {
    const batches = Array.from({ length: Math.ceil(totalmem() / GIB) + 2 }, () => batchOn(GIB))
    expect(batches).not.toContainEqual(expect.any(Number))
    expect(spawnSync('true').error).toBeUndefined()
  })

  test('an arena that may be on the heap is copied to children, as the heap is', () => {
    const before = leftOut().filter(size => size >= 3000).length
    const small = batchOn(3 << 20)
    const sizes = leftOut().filter(size => size >= 3000)
    expect([typeof small, sizes.length]).toEqual(['object', before])
  })
})

describe('readBatch', () => {
  test('readBatch reads each waiting frame into its slot and sets its length', () => {
    const { fd, send } = receiver()
    const { batch, lengths, frame } = frames(4, 8)
    send(1)
    send(2, 2)
    send(3, 3, 3)
    expect(native.readBatch(batch, fd, 4, 0)).toBe(3)
    expect([...lengths]).toEqual([1, 2, 3, 8])
    expect([frame(0), frame(1), frame(2)]).toEqual([[1], [2, 2], [3, 3, 3]])
  })

  test('readBatch returns 0 when no frame waits', () => {
    const { batch, lengths } = frames(4, 8)
    expect(native.readBatch(batch, receiver().fd, 4, 0)).toBe(0)
    expect([...lengths]).toEqual([8, 8, 8, 8])
  })

  test('readBatch leaves frames beyond the requested number in the queue', () => {
    const { fd, send } = receiver()
    const { batch, frame } = frames(4, 8)
    for (let i = 1; i <= 3; i++) {
      send(i)
    }
    expect(native.readBatch(batch, fd, 2, 0)).toBe(2)
    expect(native.readBatch(batch, fd, 0, 0)).toBe(0)
    expect(native.readBatch(batch, fd, 2, 0)).toBe(1)
    expect(frame(0)).toEqual([3])
  })

  test('readBatch stops after the frame that reaches maxBytes', () => {
    const { fd, send } = receiver()
    const { batch } = frames(4, 8)
    for (let i = 0; i < 4; i++) {
      send(1, 2, 3, 4)
    }
    expect(native.readBatch(batch, fd, 4, 8)).toBe(2)
    expect(native.readBatch(batch, fd, 4, 1)).toBe(1)
    expect(native.readBatch(batch, fd, 4, 8)).toBe(1)
  })

  test('readBatch returns -errno when the first read fails', () => {
    const { batch } = frames(1, 8)
    expect(native.readBatch(batch, -1, 1, 0)).toBe(-EBADF)
    expect(native.readBatch(batch, open('/', O_RDONLY), 1, 0)).toBe(-EISDIR)
  })

  test('readBatch keeps what it read when a later frame fails, and returns the error at the next call', () => {
    const { fd, send } = receiver()
    const { batch, offsets, lengths, frame } = frames(2, 8)
    send(1)
    send(2)
    offsets[1] = -1
    expect(native.readBatch(batch, fd, 2, 0)).toBe(1)
    expect(frame(0)).toEqual([1])
    offsets[0] = -1
    lengths[0] = 8
    expect(native.readBatch(batch, fd, 2, 0)).toBe(-EFAULT)
    offsets[0] = 0
    expect(native.readBatch(batch, fd, 1, 0)).toBe(1)
    expect(frame(0)).toEqual([2])
  })

  test.each([
    ['begins before the arena', -1, 4],
    ['begins behind it', 17, 0],
    ['ends behind it', 13, 4],
    ['has a negative length', 0, -1],
    ['has no room', 0, 0],
    ['would wrap around', 0x7fffffff, 0x7fffffff],
    ['is the lowest number', -0x80000000, -0x80000000],
  ])('readBatch and writeBatch touch no memory for a frame that %s', (_, offset, length) => {
    const { fd, send } = receiver()
    const { batch, arena, offsets, lengths } = frames(2, 8)
    send(1, 2, 3, 4)
    offsets[0] = offset
    lengths[0] = length
    expect(native.readBatch(batch, fd, 1, 0)).toBe(-EFAULT)
    expect([...arena, lengths[0]]).toEqual([...new Array(16).fill(0), length])
  })

  test('readBatch fills a slot at the very end of the arena', () => {
    const { fd, send } = receiver()
    const { batch, arena, offsets, lengths } = frames(2, 8)
    send(1, 2, 3, 4)
    offsets[0] = 12
    lengths[0] = 4
    expect(native.readBatch(batch, fd, 1, 0)).toBe(1)
    expect([...arena.subarray(10)]).toEqual([0, 0, 1, 2, 3, 4])
  })

  test('readBatch refuses more frames than the shorter array has, and foreign handles', () => {
    const { fd } = receiver()
    const { batch, arena, offsets } = frames(4, 8)
    const short = native.createBatch(
      arena,
      offsets,
      new Int32Array(new SharedArrayBuffer(8)),
    ) as Batch
    expect(native.readBatch(batch, fd, 5, 0)).toBe(-EINVAL)
    expect(native.readBatch(batch, fd, -1, 0)).toBe(-EINVAL)
    expect(native.readBatch(batch, fd, 1, -1)).toBe(-EINVAL)
    expect(native.readBatch(short, fd, 3, 0)).toBe(-EINVAL)
    expect(native.readBatch({} as Batch, fd, 1, 0)).toBe(-EINVAL)
  })
})

describe('writeBatch', () => {
  test('writeBatch writes each frame and sets the number of bytes written', () => {
    const fd = fifo()
    const { batch, arena, lengths, frame } = frames(3, 4)
    arena.set([1, 0, 0, 0, 2, 2, 0, 0, 3, 3, 3, 0])
    lengths.set([1, 2, 3])
    expect(native.writeBatch(batch, fd, 3)).toBe(3)
    expect([...lengths]).toEqual([1, 2, 3])
    const read = frames(1, 8)
    expect(native.readBatch(read.batch, fd, 1, 0)).toBe(1)
    expect(read.frame(0)).toEqual([1, 2, 2, 3, 3, 3])
    expect(frame(2)).toEqual([3, 3, 3])
  })

  test('writeBatch stops at EAGAIN and leaves the remaining lengths unchanged', () => {
    const fd = fifo()
    const { batch, lengths } = frames(32, 4096)
    // A pipe holds 16 pages, pipe(7).
    expect(native.writeBatch(batch, fd, 32)).toBe(16)
    expect([...lengths]).toEqual(new Array(32).fill(4096))
    expect(native.writeBatch(batch, fd, 32)).toBe(0)
  })

  test('writeBatch continues after a refused frame and sets its length to -errno', () => {
    const { batch, offsets, lengths } = frames(4, 4)
    offsets[1] = 13
    lengths[2] = -3
    expect(native.writeBatch(batch, open('/dev/null', O_WRONLY), 4)).toBe(4)
    expect([...lengths]).toEqual([4, -EFAULT, -EFAULT, 4])
    lengths.fill(4)
    expect(native.writeBatch(batch, open('/dev/full', O_WRONLY), 3)).toBe(3)
    expect([...lengths]).toEqual([-ENOSPC, -EFAULT, -ENOSPC, 4])
    expect(native.writeBatch(batch, -1, 1)).toBe(1)
    expect(lengths[0]).toBe(-EFAULT)
  })

  test('writeBatch refuses invalid counts and handles', () => {
    const { batch } = frames(4, 8)
    expect(native.writeBatch(batch, 1, 5)).toBe(-EINVAL)
    expect(native.writeBatch(batch, 1, -1)).toBe(-EINVAL)
    expect(native.writeBatch(7 as unknown as Batch, 1, 1)).toBe(-EINVAL)
  })
})

test('a batch keeps its arrays alive until it is collected', async () => {
  const { stdout, stderr, code } = await run(
    `
    const shared = (Type, n) => new Type(new SharedArrayBuffer(n * Type.BYTES_PER_ELEMENT))
    const fd = native.open('/dev/zero', 2, -1)
    const make = () => {
      const arena = shared(Uint8Array, 1 << 20)
      const lengths = shared(Int32Array, 4).fill(1 << 16)
      return { batch: native.createBatch(arena, shared(Int32Array, 4), lengths), arena: new WeakRef(arena) }
    }
    let collected = 0
    let read = 0
    void (async () => {
      const kept = Array.from({ length: 8 }, make)
      for (let i = 0; i < 64; i++) {
        make()
        if (i % 8 === 0) gc()
        await new Promise(setImmediate)
        for (const { batch } of kept) {
          read += native.readBatch(batch, fd, 4, 0)
          native.writeBatch(batch, fd, 4)
        }
      }
      const arenas = Array.from({ length: 8 }, () => make().arena)
      // In separate turns: what deref() returns lives until the end of its turn.
      for (let i = 0; i < 100 && collected < 8; i++) {
        await new Promise(setImmediate)
        gc()
        await new Promise(setImmediate)
        collected = arenas.filter(arena => arena.deref() === undefined).length
      }
      console.log(read, kept.filter(({ arena }) => arena.deref() === undefined).length, collected)
    })()
  `,
    [process.execPath, '--expose-gc'],
  )
  expect({ stdout, stderr, code }).toEqual({ stdout: '2048 0 8\n', stderr: '', code: 0 })
})
