import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from 'vnet'
import { EXIT_FAILURE, EXIT_OK, type Io, importFile } from 'vnet/kit/cli'
import { makeTemporaryDirectory, whyNotRootless, writeFile } from 'vnet/kit/linux'
import {
  type CheckPlace,
  type Exercise,
  type Mistake,
  type Result,
  USUAL_HEADING,
  withMistake,
} from '../exercise.ts'
import { NotChecked } from '../progress.ts'
import { runWorker } from '../worker.ts'

/** Returns the exit status: 1 if a solution fails, or a skeleton or a mistake is not found. */
export async function checkExercises(
  exercises: readonly Exercise[],
  options: { readonly memoryOnly?: boolean | undefined },
  io: Io,
): Promise<number> {
  const why = options.memoryOnly ? '--memory-only' : whyNotRootless()
  let status = EXIT_OK
  for (const exercise of exercises) {
    io.out(`${exercise.name}: ${exercise.title}\n`)
    const check = async () => {
      for await (const { title, problem } of statements(exercise, why)) {
        io.out(problem === undefined ? `ok      ${title}\n` : `FAILED  ${title}: ${problem}\n`)
        if (problem !== undefined) {
          status = EXIT_FAILURE
        }
      }
      return true
    }
    if (!(await orNotChecked(check(), io))) {
      status = EXIT_FAILURE
    }
  }
  return status
}

/** Returns what `check` does, or prints why nothing was checked, and returns false. */
export async function orNotChecked(check: Promise<boolean>, io: Io): Promise<boolean> {
  try {
    return await check
  } catch (error) {
    if (!(error instanceof NotChecked)) throw error
    io.err(`vnet: check: ${error.message}\n`)
    return false
  }
}

/** `whyNotLive` is why no check runs on live interfaces. */
async function* statements(exercise: Exercise, whyNotLive: string | undefined) {
  const { directory, driver } = exercise
  const solution = join(directory, 'solution.js')
  const list = join(directory, 'mistakes.js')
  const missing = [solution, list].find(file => !existsSync(file))
  if (missing !== undefined) {
    throw new UsageError(`check: no ${missing}, which --mistakes is about`, { cause: missing })
  }
  const isLive = whyNotLive === undefined
  const failure = await firstFailure(exercise, solution, isLive)
  yield { title: 'the solution passes', problem: failure && `${failure.title}: ${textOf(failure)}` }
  const skeleton = await firstFailure(exercise, join(directory, driver), isLive)
  yield { title: 'the skeleton fails', problem: skeleton ? undefined : 'all checks passed' }
  const headings = headingsOf(exercise)
  const named = [...exercise.memory, ...exercise.live, ...(exercise.rules ?? [])].map(
    ({ read = USUAL_HEADING }) => read,
  )
  const unknown = named.find(read => !headings.has(read))
  const known = [...headings].join(', ')
  yield {
    title: 'README.md has the headings that the checks name',
    problem: unknown === undefined ? undefined : `no heading '${unknown}'; it has: ${known}`,
  }
  const { mistakes } = (await importFile(list)) as { mistakes: readonly Mistake[] }
  for (const mistake of mistakes) {
    if (mistake.isLive && !isLive) continue
    const title = `${mistake.name} is explained`
    const found = await withText(
      withMistake(readFileSync(solution, 'utf8'), mistake),
      driver,
      file => firstFailure(exercise, file, isLive),
    )
    const text = found === undefined ? 'all checks passed' : textOf(found)
    const isRead = found?.read === undefined || headings.has(found.read)
    const problem = found && text.includes(mistake.explainedBy) ? undefined : text
    yield {
      title,
      problem: isRead ? problem : `no heading '${found.read}' in README.md; it has: ${known}`,
    }
  }
}

/** The headings of the page. A `#` in an example of code is not one. */
function headingsOf({ directory }: Exercise): Set<string> {
  const page = readFileSync(join(directory, 'README.md'), 'utf8').replaceAll(/^```.*?^```/gms, '')
  return new Set([...page.matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading]) => heading as string))
}

const textOf = ({ seen, expected, logged = [] }: Result): string =>
  [`${seen}; expected: ${expected}`, ...logged].join('; ')

async function firstFailure(
  exercise: Exercise,
  file: string,
  isLive: boolean,
): Promise<Result | undefined> {
  const results: Result[] = []
  const failed = () => results.find(({ result }) => result === 'failed')
  const add = (result: Result) => results.push(result)
  const run = (place: CheckPlace) => runWorker(exercise, place, file, add, () => {})
  await run('memory')
  if (isLive && failed() === undefined) {
    await run('live')
  }
  return failed()
}

/** Calls `check` with a file that has the text. */
async function withText<T>(
  text: string,
  name: string,
  check: (file: string) => Promise<T>,
): Promise<T> {
  const directory = makeTemporaryDirectory('vnet-course-')
  try {
    const file = join(directory, name)
    writeFile(file, text)
    writeFile(join(directory, 'package.json'), '{ "type": "module" }')
    return await check(file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
