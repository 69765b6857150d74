// Three members of etcd, and fetch: no acknowledged write is lost, whichever member fails.
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { FAULTS, MESSAGES, run, serve } from './network.mjs'

const MEMBERS = ['one', 'two', 'three']

export const options = {
  strict: true,
  faults: FAULTS.map(each => each.replace('on server', 'on one')),
  links: MEMBERS.map(name => `client-${name}`),
  filter: MESSAGES,
  timeout: '30s',
}

function commandOf(name, directory) {
  const peers = MEMBERS.map(each => `${each}=http://${each}:2380`)
  return [
    `exec etcd --name ${name} --data-dir ${join(directory, name)} --initial-cluster ${peers}`,
    `--listen-peer-urls http://[::]:2380 --initial-advertise-peer-urls http://${name}:2380`,
    `--listen-client-urls http://[::]:2379 --advertise-client-urls http://${name}:2379`,
    '--heartbeat-interval 50 --election-timeout 500',
  ].join(' ')
}

export default async function scenario({ lab }) {
  const hosts = lab.hosts('client', ...MEMBERS)
  for (const [i, host] of hosts.entries()) {
    for (const other of hosts.slice(i + 1)) {
      await lab.cable(host, other)
    }
  }
  const [client, ...members] = hosts
  // The first file of etcd is as large as a host's disk.
  const directory = mkdtempSync(join(import.meta.dirname, 'etcd-'))
  try {
    const started = members.map(each =>
      serve(each, commandOf(each.name, directory), 'ready to serve client'),
    )
    await Promise.all(started)
    const lines = await run(client, 'etcd-client.mjs', ...MEMBERS)
    const kept = lines.pop().split(' ')
    const lost = lines.filter(each => !kept.includes(each))
    if (lost.length > 0) throw new Error(`acknowledged writes are lost: ${lost}`)
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}
