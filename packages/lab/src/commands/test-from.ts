/** `vnet test-from`: the story of a capture (packages/lab/docs/test-from.md). */
import { existsSync, statSync } from 'node:fs'
import { basename, dirname, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { reasonOf, UsageError } from 'vnet'
import { CaptureError, CaptureReader } from 'vnet/capture'
import { EXIT_OK, endOf, fail, type Io, ReplayInput } from 'vnet/kit/cli'
import { checkRegular, writeFile } from 'vnet/kit/linux'
import { StoryReader } from '../story/read-story.ts'
import type { Story } from '../story/story.ts'
import { storyText } from '../story/story-text.ts'

export interface TestFromOptions {
  readonly json: boolean | undefined
  readonly all: boolean | undefined
  /** The path of the test. */
  readonly write: string | undefined
  /** The paths of modules: their default exports are the programs. */
  readonly client: string | undefined
  readonly server: string | undefined
  readonly withContent: boolean | undefined
  readonly explore: boolean | undefined
}

/** Prints the story of `file`, which may be `-`. Returns the exit status. */
export async function testFrom(file: string, options: TestFromOptions, io: Io): Promise<number> {
  const { write, client, server, withContent, explore = false } = options
  if (write === undefined && !explore && (client ?? server ?? withContent) !== undefined) {
    throw new UsageError(
      '--client, --server and --with-content are for the test of --write and --explore',
    )
  }
  for (const each of [client, server]) {
    if (each !== undefined) {
      checkModule(each)
    }
  }
  if (write !== undefined && existsSync(write)) return fail(io, `${write}: exists already`)
  // Flows live longer than the young generation of the heap, which would only take memory.
  setFlagsFromString('--semi-space-growth-factor=1')
  using input = new ReplayInput(file)
  const { story, error } = await readToEnd(input, io)
  if (story.packets === 0) return fail(io, error ?? `${input.name}: the capture has no packets`)
  io.out(
    options.json
      ? `${JSON.stringify(story, plain)}\n`
      : storyText(story, input.name, options.all === true),
  )
  if (error === undefined && story.flows.length === 0) return fail(io, noFlow(story, input.name))
  const modules = (pathOf: (file: string) => string) => {
    const [from, to] = [client, server].map(module => module && pathOf(resolve(module)))
    return { withContent, client: from, server: to }
  }
  if (write !== undefined) {
    const { storyTest, storyTraces } = await import('../story/write-text.ts')
    const folder = dirname(resolve(write))
    const traces = `${basename(write).replace(/(\.(test|spec))?\.\w+$/, '')}.`
    const storyOptions = {
      ...modules(module => relative(folder, module).replace(/^(?!\.)/, './')),
      traces,
    }
    for (const [name, text] of storyTraces(story, storyOptions)) {
      writeFile(resolve(folder, traces + name), text, { flag: 'wx' })
    }
    writeFile(write, storyTest(story, storyOptions), { flag: 'wx' })
    io.out(`\n${write}: npx vitest run ${write}\n`)
  }
  if (explore) {
    const { neighbourhood } = await import('../story/neighbourhood.ts')
    const storyOptions = modules(module => pathToFileURL(module).href)
    io.out(`\n${await neighbourhood(story, storyOptions)}\n`)
  }
  return error === undefined ? EXIT_OK : fail(io, error)
}

/** Says that nothing was read: an empty story must not look like success. */
function noFlow({ others }: Story, name: string): string {
  const left = [...others].map(([kind, n]) => `${n} ${kind}`).join(', ')
  const reason = left === '' ? 'its packets are drops of a vnet' : `not read: ${left}`
  return `${name}: no flow of TCP or UDP over IP; ${reason}`
}

/** Reads a pipe to its end also after Ctrl-C, by which the program that captures ends, too. */
async function readToEnd(input: ReplayInput, io: Io): ReturnType<typeof readStory> {
  const reading = readStory(input.name, input.chunks())
  if (input.size !== undefined) return reading
  using end = endOf(io)
  return await Promise.race([reading, end.asked.then(() => reading)])
}

function checkModule(path: string): void {
  checkRegular(path)
  if (statSync(path).isDirectory()) throw new UsageError(`${path}: it is a directory, not a module`)
}

/** Returns the story of a capture up to its end, or up to the bytes that `error` is about. */
export async function readStory(
  name: string,
  chunks: AsyncIterator<Uint8Array>,
): Promise<{ readonly story: Story; readonly error: string | undefined }> {
  const capture = new CaptureReader(name)
  const reader = new StoryReader()
  let error: string | undefined
  try {
    for (let isOver = false; !isOver; ) {
      const { value, done } = await chunks.next()
      if (done === true) {
        capture.end()
      } else {
        capture.push(value)
      }
      for (let record = capture.next(); record !== undefined; record = capture.next()) {
        reader.take(record)
      }
      isOver = done === true
    }
  } catch (caught) {
    if (!(caught instanceof CaptureError) && !isFileError(caught)) throw caught
    error = caught instanceof CaptureError ? caught.message : `${name}: ${reasonOf(caught)}`
  }
  return { story: reader.end(error), error }
}

const isFileError = (error: unknown): boolean => error instanceof Error && 'syscall' in error

/** Maps become objects, and bytes become text of base64. */
function plain(_key: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
}
