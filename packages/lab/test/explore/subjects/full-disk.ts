import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask, type Message, serve, sockets } from '../datagrams.ts'
import { type Cause, DATAGRAMS, type Scenario } from '../subject.ts'

export const bug = 'the server acknowledges a write that the disk has no room for'

export const options = DATAGRAMS

const scenario =
  (reportsErrors: boolean, fullDisk?: string): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    const directory = mkdtempSync(join(tmpdir(), 'vnet-subject-'))
    const file = fullDisk ?? join(directory, 'store')
    const write = ({ text }: Message): Message => {
      try {
        writeFileSync(file, String(text))
      } catch {
        if (reportsErrors) return { type: 'refused' }
      }
      return { type: 'written' }
    }
    serve(server, write)

    try {
      const { type } = await ask(client, { type: 'write', id: 1, text: 'hello' })

      const stored = fullDisk === undefined ? readFileSync(file, 'utf8') : ''
      assert.equal(type, stored === 'hello' ? 'written' : 'refused')
    } finally {
      rmSync(directory, { recursive: true })
    }
  }

export const broken = scenario(false)
export const fixed = scenario(true)
export const cause: Cause = {
  broken: scenario(false, '/dev/full'),
  fixed: scenario(true, '/dev/full'),
}
