/** A project in which npm has linked a clone of vnet. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../../../..')

export class LinkedProject implements Disposable {
  readonly directory = realpathSync(mkdtempSync(join(tmpdir(), 'vnet-link-')))

  constructor() {
    mkdirSync(join(this.directory, 'node_modules'))
    symlinkSync(root, join(this.directory, 'node_modules/vnet'))
    symlinkSync(join(root, 'node_modules/@vnet'), join(this.directory, 'node_modules/@vnet'))
  }

  /** Runs a module of the project, and returns its output. */
  run(text: string, cwd = this.directory): string {
    const file = join(this.directory, 'case.mjs')
    writeFileSync(file, text)
    const { stdout, stderr } = spawnSync(process.execPath, [file], { cwd, encoding: 'utf8' })
    return stdout + stderr
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true })
  }
}
