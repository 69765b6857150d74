/** `vnet extcap`, in the order in which Wireshark calls it, and what puts it there. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { EPERM, VnetError } from '#src/base/errno.ts'
import { writeSection } from '#src/capture/pcapng-writer.ts'
import { ControlClient } from '#src/control/index.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { servedNets } from '#support/served-nets.ts'

const { serve, directory, runMain, startMain } = servedNets()
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

const ok = (stdout: string) => ({ status: 0, stdout, stderr: '' })
const failed = (stderr: string) => ({ status: 1, stdout: '', stderr: `vnet: ${stderr}\n` })

/** A stream that has no bytes until it is stopped, and then some. */
class EndlessStream {
  isClosed = false
  #end = () => {}
  readonly #ended = new Promise<void>(resolve => {
    this.#end = resolve
  })

  stop(): void {
    this.#end()
  }

  async *[Symbol.asyncIterator]() {
    await this.#ended
    const to = new Uint8Array(100)
    yield to.subarray(0, writeSection(to, 0))
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true
    this.#end()
  }
}

describe('a call of Wireshark', () => {
  test('the interfaces of running vnets are listed, whatever else a newer version requests', async () => {
    await serve(cable, ['ca', 'red/cb'])
    const { status, stdout, stderr } = await runMain(
      'extcap',
      '--extcap-interfaces',
      '--extcap-version=9.9',
      '--new',
      'x',
    )
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout.split('\n').map(line => line.replace(/.*\{value=(.*?)\}.*/, '$1'))).toEqual([
      expect.stringMatching(
        /^extcap \{version=[\w.-]+\}\{help=file:\/\/.*\/docs\/capture\.md\}\{display=vnet\}$/,
      ),
      'vnet-ca',
      'vnet-red:cb',
      'vnet',
      '',
    ])
  })

  test('without a vnet the list is empty, which is not an error', async () => {
    expect(await runMain('extcap', '--extcap-interfaces')).toEqual(
      ok(expect.stringMatching(/^extcap .*\n$/)),
    )
  })

  test('each interface has Ethernet frames and options, which cannot be loaded again', async () => {
    const dlts = await runMain(
      'extcap',
      '--extcap-interface',
      'vnet-ca',
      '--extcap-dlts',
      '--extcap-version=4.4',
    )
    expect(dlts).toEqual(ok('dlt {number=1}{name=EN10MB}{display=Ethernet}\n'))
    const config = ['extcap', '--extcap-interface', 'vnet-ca', '--extcap-config']
    expect(await runMain(...config)).toEqual(ok(expect.stringMatching(/^arg .*\{call=--drops\}/m)))
    expect(await runMain(...config, '--extcap-reload-option', 'drops')).toEqual(ok(''))
  })

  test('a filter is checked: no output means that it is right, otherwise the output explains why not', async () => {
    const check = (filter: string) =>
      runMain('extcap', '--extcap-interface', 'x', '--extcap-capture-filter', filter)
    expect(await check('tcp port 80')).toEqual(ok(''))
    expect(await check('tcp prt 80')).toEqual(
      ok(expect.stringMatching(/^filter 'tcp prt 80': syntax error: .*did you mean 'port'\?\n$/)),
    )
  })

  test('capturing a deleted interface fails with one line', async () => {
    const capture = ['extcap', '--capture', '--extcap-interface', 'vnet-ca']
    expect(await runMain(...capture, '--fifo', join(directory, 'fifo'))).toEqual(
      failed('vnet-ca: its vnet has ended: refresh the list of interfaces'),
    )
    expect(await runMain(...capture)).toMatchObject({
      status: 2,
      stderr: /--capture needs --fifo PATH/,
    })
  })

  test('SIGTERM ends a capture to a FIFO without a reader, whenever it arrives', async () => {
    await serve(cable, ['ca', 'red/cb'])
    const capture = vi.spyOn(ControlClient.prototype, 'capture')
    const fifo = join(directory, 'fifo')
    execFileSync('mkfifo', [fifo])
    for (const isRefused of [false, true]) {
      for (const isLate of [false, true]) {
        const stream = new EndlessStream()
        let open = () => {}
        const opening = new Promise<void>(resolve => {
          open = resolve
        })
        capture.mockImplementation(async () => {
          open()
          await Promise.resolve()
          if (isRefused) throw new VnetError(EPERM, ['CAPTURE', 'ca'])
          return stream
        })
        const command = startMain(
          'extcap',
          '--capture',
          '--extcap-interface',
          'vnet-ca',
          '--fifo',
          fifo,
        )
        await opening
        if (isLate) {
          await new Promise(resolve => setImmediate(resolve))
        }
        const { status, stderr } = await command.end({ signal: 'SIGTERM' })
        const refusal = 'vnet: ca: operation not permitted\n'
        expect([status, stderr]).toEqual(isRefused ? [1, refusal] : [0, ''])
        expect(stream.isClosed).toBe(!isRefused)
      }
    }
  })

  test('a user who runs extcap by hand gets the advice to install it', async () => {
    expect(await runMain('extcap')).toMatchObject({ status: 2, stderr: /vnet extcap --install/ })
  })
})

describe('installing', () => {
  /** Makes a fake tshark print the folders of a version of Wireshark. */
  function tshark(...folders: string[]): void {
    const bin = join(directory, 'bin')
    mkdirSync(bin)
    writeFileSync(join(bin, 'tshark'), `#!/bin/sh\ncat << 'E'\n${folders.join('\n')}\nE\n`, {
      mode: 0o755,
    })
    vi.stubEnv('PATH', `${bin}:${process.env.PATH}`)
  }
  const personal = () => join(directory, 'personal', 'extcap')
  const global = () => join(directory, 'global')
  const both = () => [`Personal Extcap path:\t${personal()}`, `Global Extcap path: ${global()}`]
  const as = (uid: number) => vi.spyOn(process, 'geteuid').mockReturnValue(uid)

  test('a user gets a program in a folder of the user’s own, which runs vnet extcap by absolute paths', async () => {
    tshark(...both())
    as(1000)
    const file = join(personal(), 'vnet')
    for (const _ of ['first', 'again']) {
      const { status, stdout } = await runMain('extcap', '--install')
      expect([status, stdout.split('\n')[0]]).toEqual([
        0,
        expect.stringContaining(`${file}: runs /`),
      ])
    }
    const [shebang, , command] = readFileSync(file, 'utf8').split('\n')
    expect([shebang, statSync(file).mode & 0o777]).toEqual(['#!/bin/sh', 0o755])
    expect(command).toMatch(/^exec \/.* \/.*\/vnet.js extcap "\$@"$/)
    expect(await runMain('extcap', '--uninstall')).toEqual(ok(`${file}: removed\n`))
    expect(await runMain('extcap', '--uninstall')).toEqual(ok(`${file}: not there\n`))
  })

  test('root installs extcap for all users', async () => {
    tshark(...both())
    as(0)
    expect(await runMain('extcap', '--install')).toMatchObject({ status: 0 })
    expect([existsSync(join(global(), 'vnet')), existsSync(personal())]).toEqual([true, false])
  })

  test('a Wireshark that has no folder of the user’s own needs root', async () => {
    tshark('Extcap path:         \t/proc/extcap')
    as(1000)
    vi.spyOn(process, 'getuid').mockReturnValue(1000)
    expect(await runMain('extcap', '--install')).toEqual(
      failed(
        '/proc/extcap: operation not permitted; this Wireshark has no other folder for extcap programs: run this command as root',
      ),
    )
  })

  test('another program of that name is neither replaced nor removed', async () => {
    tshark(...both())
    as(0)
    const file = join(global(), 'vnet')
    mkdirSync(global())
    writeFileSync(file, '#!/bin/sh\nexit 1\n')
    chmodSync(file, 0o755)
    for (const option of ['--install', '--uninstall']) {
      expect(await runMain('extcap', option)).toEqual(
        failed(`${file}: it is another program, which stays as it is`),
      )
    }
    expect(readFileSync(file, 'utf8')).toBe('#!/bin/sh\nexit 1\n')
  })
})
