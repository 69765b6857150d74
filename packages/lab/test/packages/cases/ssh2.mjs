import { text } from 'node:stream/consumers'
import ssh2 from 'ssh2'
import { sshServer } from '../servers/ssh.mjs'

export const serve = sshServer
export const answer = '42'
export const ask = () =>
  new Promise((resolve, reject) => {
    const client = new ssh2.Client().on('error', reject).on('ready', () =>
      client.exec('6 7', async (_error, stream) => {
        resolve(await text(stream))
        client.end()
      }),
    )
    client.connect({ host: 'server', username: 'user', password: 'password' })
  })
