import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  CaptureFile,
  type CaptureFileOptions,
  type CaptureSink,
  ringName,
} from '#src/capture/capture-file.node.ts'
import { LITTLE, readAll, text } from '#support/capture-bytes.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { either } from '#support/scale.ts'

const directory = freshDirectory()

const path = (name = 'a.pcapng') => join(directory, name)

const { section, interface: device, packet, block, option, u32, u64 } = LITTLE
const head = [...section(), ...device(1, 0, option(9, [9]))]
const statistics = block(5, u32(0), u64(7n))
const numbered = (n: number, length = 1) =>
  packet(0, BigInt(n), new Array(length).fill(n & 0xff), option(5, u64(BigInt(n))))

const write = (source: CaptureSink, bytes: number[]) => source.write(Uint8Array.from(bytes))
const idsOf = (file: string) =>
  readAll(readFileSync(file)).packets.map(({ packetId }) => packetId as number)

/** Writes streams in parts of `size` bytes, in turn, to `file`. */
async function writeAll(
  file: CaptureFile,
  streams: readonly number[][],
  size: number,
): Promise<void> {
  const sources = streams.map(stream => ({ stream, source: file.source() }))
  const most = Math.max(...streams.map(({ length }) => length))
  for (let at = 0; at < most; at += size) {
    await Promise.all(
      sources.map(({ stream, source }) => write(source, stream.slice(at, at + size))),
    )
  }
  await file[Symbol.asyncDispose]()
}

test('a stream is written unchanged, whatever the size of its parts', async () => {
  const stream = [...head, ...numbered(1), ...numbered(2), ...statistics]
  for (const size of [1, 7, 64, stream.length]) {
    const file = new CaptureFile(path())
    await writeAll(file, [stream], size)
    expect([...readFileSync(path())]).toEqual(stream)
    expect(file).toMatchObject({ frames: 2, lost: 0 })
  }
  expect(statSync(path()).mode & 0o777).toBe(0o600)
})

test('streams that are written concurrently are one file', async () => {
  const streams = [1, 2, 3].map(n => [
    ...section(),
    ...device(1, 0, option(2, text(`dev${n}`))),
    ...numbered(n),
    ...numbered(n + 3),
  ])
  for (const size of [5, 50, 500]) {
    await writeAll(new CaptureFile(path()), streams, size)
    const { packets, error } = readAll(readFileSync(path()))
    expect(error).toBeUndefined()
    for (const n of [1, 2, 3]) {
      const own = packets.filter(({ interfaceName }) => interfaceName === `dev${n}`)
      expect(own.map(({ frame }) => frame)).toEqual([[n], [n + 3]])
    }
  }
})

test('a stream that breaks off in the middle of a block leaves whole blocks, with statistics', async () => {
  const file = new CaptureFile(path())
  await write(file.source(), [...head, ...numbered(1), ...numbered(2).slice(0, 20)])
  await file[Symbol.asyncDispose]()
  const bytes = readFileSync(path())
  expect(idsOf(path())).toEqual([1])
  expect([...bytes.subarray(head.length + numbered(1).length)].slice(0, 4)).toEqual(u32(5))
})

test('a broken stream rejects its own writes, and another continues', async () => {
  await using file = new CaptureFile(path())
  const [good, bad] = [file.source('good'), file.source('bad')]
  await write(good, head)
  await expect(write(bad, numbered(1))).rejects.toThrow(
    'bad: broken at byte 0: interface 0 is not described',
  )
  await write(good, numbered(2))
  await file[Symbol.asyncDispose]()
  expect(idsOf(path())).toEqual([2])
})

describe('a ring', () => {
  test('a ring keeps the last files, each whole and within its limit', async () => {
    const ring = { files: 3, bytes: 1000 }
    const file = new CaptureFile(path(), { ring, wallTime: () => ({ seconds: 0, nanoseconds: 0 }) })
    await writeAll(
      file,
      [[...head, ...Array.from({ length: 200 }, (_, n) => numbered(n, 40)).flat()]],
      333,
    )
    const names = readdirSync(directory).sort()
    expect(names).toHaveLength(3)
    const read = names.map(name => readAll(readFileSync(path(name))))
    const frames = read.flatMap(({ packets }) =>
      packets.map(({ frame }) => (frame as number[])[0] as number),
    )
    expect(frames).toEqual(Array.from({ length: frames.length }, (_, i) => 200 - frames.length + i))
    for (const [i, name] of names.entries()) {
      expect(read[i]?.error).toBeUndefined()
      expect(statSync(path(name)).size).toBeLessThanOrEqual(1000)
      expect(statSync(path(name)).mode & 0o777).toBe(0o600)
    }
    expect(statSync(path(names[0] as string)).size).toBeGreaterThan(800)
  })

  test('a ring continues if a file was moved away', async () => {
    await using file = new CaptureFile(path(), { ring: { files: 2, bytes: 400 } })
    const source = file.source()
    await write(source, head)
    for (let n = 0; n < 20; n++) {
      await write(source, numbered(n, 100))
      for (const name of readdirSync(directory).sort().slice(0, -1)) {
        rmSync(path(name))
      }
    }
    await file[Symbol.asyncDispose]()
    expect(readdirSync(directory).flatMap(name => idsOf(path(name)))).toContain(19)
  })

  test('a ring ends with one error that names the next file if it cannot be made', async () => {
    mkdirSync(path('gone'))
    await using file = new CaptureFile(path('gone/a.pcapng'), { ring: { files: 2, bytes: 400 } })
    const source = file.source()
    await write(source, [...head, ...numbered(0, 100)])
    rmSync(path('gone'), { recursive: true })
    await expect(write(source, numbered(1, 200))).rejects.toThrow(
      /^open .*a_00002_\d{14}.pcapng: ENOENT/,
    )
    await expect(write(source, numbered(2))).rejects.toThrow(/^open .*a_00002_/)
    await file[Symbol.asyncDispose]()
  })

  test('a ring does not follow a symbolic link in the place of its next file', async () => {
    const time = { seconds: 1_700_000_000, nanoseconds: 0 }
    writeFileSync(path('private'), 'text')
    symlinkSync(path('private'), ringName(path(), 2, time))
    await using file = new CaptureFile(path(), {
      ring: { files: 2, bytes: 400 },
      wallTime: () => time,
    })
    const source = file.source()
    await write(source, [...head, ...numbered(0, 100)])
    await expect(write(source, numbered(1, 200))).rejects.toThrow(/^open .*: ELOOP/)
    expect(readFileSync(path('private'), 'utf8')).toBe('text')
  })

  test('a ring of many hours always has the last files, with every packet between them', async () => {
    const from = new Date(2026, 10, 21).getTime() / 1000
    const time = { seconds: from, nanoseconds: 0 }
    const ring = { files: 5, bytes: 4096 }
    await using file = new CaptureFile(path('day.pcapng'), { ring, wallTime: () => ({ ...time }) })
    const source = file.source()
    await write(source, head)
    const [hours, perMinute] = either([24, 40], [3, 4])
    const block = Uint8Array.from(numbered(0, 1200))
    const id = new DataView(block.buffer, block.length - 12)
    let n = 0
    for (let minute = 0; minute < hours * 60; minute++) {
      time.seconds = from + 60 * minute
      for (let i = 0; i < perMinute; i++) {
        id.setUint32(0, n++, true)
        await source.write(block)
      }
      if (minute % 60 !== 59) continue
      const names = readdirSync(directory).sort()
      expect(names).toHaveLength(5)
      const ids = names.flatMap(name => idsOf(path(name)))
      expect(ids).toEqual(Array.from({ length: ids.length }, (_, i) => n - ids.length + i))
    }
    await file[Symbol.asyncDispose]()
    const last = Math.ceil(n / 3)
    const names = readdirSync(directory).sort()
    expect(names.at(-1)).toBe(ringName('day.pcapng', last, time))
    for (const name of names) {
      expect(readFileSync(path(name)).subarray(-4).readUInt32LE()).toBe(76)
    }
  })
})

describe('TLS keys', () => {
  const blocksOf = (file: string) => {
    const bytes = readFileSync(file)
    const types: (number | string)[] = []
    for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4)) {
      const type = bytes.readUInt32LE(at)
      types.push(
        type === 10 ? bytes.toString('utf8', at + 16, at + 16 + bytes.readUInt32LE(at + 12)) : type,
      )
    }
    return types
  }
  const SHB = 0x0a0d0d0a

  test('TLS keys precede the packets that come after them', async () => {
    writeFileSync(path('keys'), 'one\n')
    await using file = new CaptureFile(path(), { tlsKeys: path('keys') })
    const source = file.source()
    await write(source, [...head, ...numbered(1)])
    appendFileSync(path('keys'), 'two\nthr')
    await write(source, numbered(2))
    await write(source, numbered(3))
    await file[Symbol.asyncDispose]()
    expect(blocksOf(path())).toEqual([SHB, 1, 'one\n', 6, 'two\n', 6, 6, 'thr', 5])
    expect(idsOf(path())).toEqual([1, 2, 3])
  })

  test('TLS keys are all in each file of a ring, and do not count for its size', async () => {
    writeFileSync(path('keys'), `${'k'.repeat(999)}\n`)
    const ring = { files: 9, bytes: 500 }
    const file = new CaptureFile(path(), { tlsKeys: path('keys'), ring })
    await writeAll(
      file,
      [[...head, ...numbered(1, 100), ...numbered(2, 100), ...numbered(3, 100)]],
      600,
    )
    const names = readdirSync(directory).filter(name => name !== 'keys')
    expect(names).toHaveLength(2)
    for (const name of names) {
      expect(blocksOf(path(name))).toContain(readFileSync(path('keys'), 'utf8'))
    }
  })
})

describe('standard output', () => {
  /** A stream that takes `most` bytes, then returns `code`. */
  function stream(most = Number.POSITIVE_INFINITY, code = 'EPIPE') {
    const chunks: number[] = []
    const stdout: CaptureFileOptions['stdout'] = {
      write(bytes, done) {
        chunks.push(...bytes)
        const error = Object.assign(new Error(code), {
          code,
          ...(code === 'EPIPE' && { errno: -32 }),
        })
        queueMicrotask(() => done(chunks.length > most ? error : null))
      },
    }
    return { chunks, stdout }
  }

  test('standard output gets the bytes of the file', async () => {
    const { chunks, stdout } = stream()
    await writeAll(new CaptureFile('-', { stdout }), [[...head, ...numbered(1), ...statistics]], 50)
    expect(chunks).toEqual([...head, ...numbered(1), ...statistics])
  })

  test.each(['EPIPE', 'ERR_STREAM_DESTROYED'])(
    'whose reader is gone rejects every write with EPIPE (%s)',
    async code => {
      const { stdout } = stream(head.length, code)
      const file = new CaptureFile('-', { stdout })
      const source = file.source()
      await write(source, head)
      for (const n of [1, 2]) {
        await expect(write(source, numbered(n))).rejects.toMatchObject({ code: 'EPIPE' })
      }
      await file[Symbol.asyncDispose]()
    },
  )

  test('a terminal as standard output is refused, and so is a ring', () => {
    const { stdout } = stream()
    expect(() => new CaptureFile('-', { stdout: { ...stdout, isTTY: true } })).toThrow(
      'standard output is a terminal',
    )
    expect(() => new CaptureFile('-', { stdout, ring: { files: 2, bytes: 9 } })).toThrow(
      'standard output is one file',
    )
  })
})

describe('what takes no more', () => {
  test('a full disk rejects with one error that names the reason, and disposing does not reject', async () => {
    const file = new CaptureFile('/dev/full')
    const source = file.source()
    const message = 'write /dev/full: ENOSPC, no space left on device; the capture ends here'
    await expect(write(source, head)).rejects.toThrow(message)
    await expect(write(source, numbered(1))).rejects.toThrow(message)
    await file[Symbol.asyncDispose]()
  })

  test('closing the file rejects if only the statistics did not fit', async () => {
    const { stdout, chunks } = {
      chunks: [] as number[],
      stdout: {} as NonNullable<CaptureFileOptions['stdout']>,
    }
    Object.assign(stdout, {
      write(bytes: Uint8Array, done: (error?: Error) => void) {
        chunks.push(...bytes)
        done(
          chunks.length > head.length
            ? Object.assign(new Error('full'), { errno: -28 })
            : undefined,
        )
      },
    })
    const file = new CaptureFile('-', { stdout })
    await write(file.source(), head)
    await expect(file[Symbol.asyncDispose]()).rejects.toThrow('write standard output: ENOSPC')
  })

  test('a capture file that cannot be created is refused immediately', () => {
    expect(() => new CaptureFile('/nowhere/a.pcapng')).toThrow(
      '/nowhere/a.pcapng: no such file or directory',
    )
    expect(() => new CaptureFile(directory)).toThrow(`${directory}: is a directory`)
  })
})

describe('a FIFO', () => {
  let reader: number
  beforeEach(() => {
    execFileSync('mkfifo', [path('fifo')])
    reader = openSync(path('fifo'), constants.O_RDONLY | constants.O_NONBLOCK)
  })

  test('a FIFO with a reader gets the bytes', async () => {
    const done = writeAll(
      new CaptureFile(path('fifo')),
      [[...head, ...numbered(1), ...statistics]],
      50,
    )
    const read: number[] = []
    for await (const chunk of new Socket({ fd: reader, writable: false })) {
      read.push(...(chunk as Buffer))
    }
    await done
    expect(read).toEqual([...head, ...numbered(1), ...statistics])
  })

  test('a FIFO without a reader is refused', () => {
    closeSync(reader)
    expect(() => new CaptureFile(path('fifo'))).toThrow(
      `${path('fifo')}: nobody reads it: start its reader first`,
    )
  })

  test('a FIFO rejects every write with EPIPE after its reader has left', async () => {
    await using file = new CaptureFile(path('fifo'))
    const source = file.source()
    await write(source, head)
    closeSync(reader)
    for (const n of [1, 2]) {
      await expect(write(source, numbered(n))).rejects.toMatchObject({ code: 'EPIPE' })
    }
  })

  test('a reader that does not read does not hold up the end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const file = new CaptureFile(path('fifo'))
    // More than a pipe holds.
    const written = write(file.source(), [...head, ...numbered(1, 100_000)]).catch(String)
    let isClosed = false
    const closed = file[Symbol.asyncDispose]().then(() => {
      isClosed = true
    })
    while (!isClosed) {
      vi.advanceTimersByTime(1000)
      await new Promise(setImmediate)
    }
    await closed
    expect(await written).toMatch(/ETIMEDOUT, timed out; its reader does not read$/)
    closeSync(reader)
  })
})

test('a file is ready when its descriptors are open', async () => {
  writeFileSync(path('keys'), 'one\n')
  await using file = new CaptureFile(path(), { tlsKeys: path('keys') })
  await file.ready()
  const links = readdirSync('/proc/self/fd').flatMap(fd => {
    const link = `/proc/self/fd/${fd}`
    return existsSync(link) ? [readlinkSync(link)] : []
  })
  expect(links).toEqual(expect.arrayContaining([path(), path('keys')]))
})
