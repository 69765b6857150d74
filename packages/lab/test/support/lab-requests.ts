/** A lab that `vnet lab --json` runs as a child, and requests to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { PROGRAM } from '#support/vnet-process.ts'

interface Response {
  readonly id: unknown
  readonly result?: unknown
  readonly error?: string
}

export class LabRequests implements AsyncDisposable {
  readonly child: ChildProcess
  /** Settles with the exit status and the signal. */
  readonly exited: Promise<unknown[]>
  readonly #lines: AsyncIterator<string>
  #stderr = ''
  #last = 0

  constructor(file: string) {
    this.child = spawn(process.execPath, [PROGRAM, 'lab', '--json', file], { stdio: 'pipe' })
    this.child.stderr!.setEncoding('utf8').on('data', text => {
      this.#stderr += text
    })
    this.#lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
    this.exited = once(this.child, 'exit')
  }

  /** Returns the next line: the first one is the greeting. */
  async next(): Promise<Response & Record<string, unknown>> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error(`vnet lab has ended: ${this.#stderr}`)
    return JSON.parse(value)
  }

  write(line: string): void {
    this.child.stdin!.write(`${line}\n`)
  }

  /** Sends a request, and returns its number. */
  send(method: string, params?: object): number {
    this.write(JSON.stringify({ id: ++this.#last, method, params }))
    return this.#last
  }

  /** Sends a request while none is pending. Returns its result, or the text of its error. */
  // biome-ignore lint/suspicious/noExplicitAny: each method has a result of its own
  async ask(method: string, params?: object): Promise<any> {
    const id = this.send(method, params)
    const response = await this.next()
    if (response.id !== id) throw new Error(`the response to ${id} is ${JSON.stringify(response)}`)
    return response.error ?? response.result
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.write('{"method": "end"}')
    await this.exited
  }
}
