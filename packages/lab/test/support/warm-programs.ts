/** The programs of examples/warm: what each must report of a client that it runs in a fork. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { PYTHON } from '#support/python.ts'
import { isAlive } from '../../src/kernel/processes.ts'

const WARM = fileURLToPath(new URL('../../../../examples/warm/', import.meta.url))
const CLIENTS = fileURLToPath(new URL('warm/', import.meta.url))

/** The languages, and the status with which a program of each fails. */
const LANGUAGES = {
  python: { program: PYTHON, extension: 'py', module: 'warmed', path: 'PYTHONPATH', failed: 1 },
  perl: { program: 'perl', extension: 'pl', module: 'Warmed', path: 'PERL5LIB', failed: 255 },
  ruby: { program: 'ruby', extension: 'rb', module: 'warmed', path: 'RUBYLIB', failed: 1 },
} as const

export type Language = keyof typeof LANGUAGES

interface Reply {
  readonly status: number
  readonly out: string
  readonly err: string
  readonly hung: boolean
}

/** Starts a program of examples/warm, and waits until it is ready. */
async function warm({ program, extension, module, path }: (typeof LANGUAGES)[Language]) {
  const child = spawn(program, [join(WARM, `warm.${extension}`), module], {
    cwd: CLIENTS,
    env: { ...process.env, [path]: CLIENTS },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  expect((await lines.next()).value).toBe('ready')
  const cwd = testDirectory()

  /** Runs a client, which ends in a way that an argument names. */
  async function run(way: string, within = 30): Promise<Reply> {
    const argv = [`client.${extension}`, way, 'argument']
    child.stdin.write(`${JSON.stringify({ argv, cwd, within })}\n`)
    const { status, out, err, hung }: Reply = JSON.parse((await lines.next()).value)
    const decoded = (text: string) => Buffer.from(text, 'base64').toString('latin1')
    return { status, out: decoded(out), err: decoded(err), hung }
  }
  async function close(): Promise<number | null> {
    child.stdin.end()
    const [status] = await once(child, 'close')
    return status
  }
  return { cwd, run, close }
}

/** Runs clients that end in each way, and checks what the program reports. */
export async function reportsEachEnd(language: Language): Promise<void> {
  const { cwd, run, close } = await warm(LANGUAGES[language])
  expect(await run('show')).toEqual({
    status: 3,
    out: `show argument|${cwd}|${cwd}||before\n`,
    err: 'an error\n',
    hung: false,
  })
  expect(await run('bytes')).toEqual({ status: 0, out: '\0\xff\n', err: '', hung: false })
  expect(await run('end')).toMatchObject({ status: 0, out: 'in time\nat the end\n' })
  expect(await run('kill')).toMatchObject({ status: -15, out: '', hung: false })
  expect(await run('fail')).toEqual({
    status: LANGUAGES[language].failed,
    out: '',
    err: expect.stringMatching(/a wrong value/),
    hung: false,
  })
  const hung = await run('hang', 2)
  expect(hung).toMatchObject({ status: -9, err: '', hung: true })
  await expect.poll(() => isAlive(Number(hung.out))).toBe(false)
  expect(await close()).toBe(0)
}
