// PostgreSQL over its program and pg.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { hosts, start } from './net.mjs'
import { useDatabase } from './postgresql-client.mjs'

const template = fileURLToPath(new URL('postgresql-data', import.meta.url))
const quick = [
  'fsync=off',
  'listen_addresses=*',
  'unix_socket_directories=',
  'dynamic_shared_memory_type=mmap',
]

/** Returns a database that no other run uses, and its lock, which a run that is killed leaves. */
function database() {
  for (let n = 1; ; n++) {
    const [data, lock] = [`${template}-${n}`, `${template}-${n}.lock`]
    try {
      mkdirSync(lock)
    } catch {
      continue
    }
    if (!existsSync(data)) {
      execFileSync('cp', ['-a', template, data])
    }
    return { data, lock }
  }
}

export default async function scenario({ lab }) {
  const { client, server } = await hosts(lab)
  const { data, lock } = database()
  const own = [
    '--reuid=postgres',
    '--regid=postgres',
    '--clear-groups',
    process.env.POSTGRES,
    '-D',
    data,
  ]
  const options = [...own, ...quick.flatMap(each => ['-c', each])]
  const child = await start(server, 'ready to accept connections', 'setpriv', options)
  await useDatabase(client)
  child.removeAllListeners('close')
  const ended = once(child, 'close')
  child.kill('SIGQUIT')
  await ended
  rmSync(lock, { recursive: true })
}
