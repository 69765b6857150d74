/** `vnet test-from`: the story of a capture (packages/lab/docs/test-from.md). */
import { setFlagsFromString } from 'node:v8'
import { reasonOf } from 'vnet/internal/base/errno'
import { CaptureError } from 'vnet/internal/capture/input'
import { CaptureReader } from 'vnet/internal/capture/reader'
import { fail } from 'vnet/internal/cli/ask'
import { EXIT_OK, type Io } from 'vnet/internal/cli/process/io'
import { ReplayInput } from 'vnet/internal/cli/replay/input'
import { StoryReader } from '../story/read-story.ts'
import type { Story } from '../story/story.ts'
import { storyText } from '../story/story-text.ts'

export interface TestFromOptions {
  readonly json?: boolean
  readonly all?: boolean
}

/** Prints the story of `file`, which may be `-`. Returns the exit status. */
export async function testFrom(file: string, options: TestFromOptions, io: Io): Promise<number> {
  // Flows live longer than the young generation of the heap, which would only take memory.
  setFlagsFromString('--semi-space-growth-factor=1')
  using input = new ReplayInput(file)
  const { story, error } = await readStory(input.name, input.chunks())
  if (story.packets === 0) return fail(io, error ?? `${input.name}: the capture has no packets`)
  io.out(options.json ? `${JSON.stringify(story, plain)}\n` : storyText(story, input.name, options.all === true))
  return error === undefined ? EXIT_OK : fail(io, error)
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
      if (done === true) capture.end()
      else capture.push(value)
      for (let record = capture.next(); record !== undefined; record = capture.next()) reader.take(record)
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
