import Client from 'ssh2-sftp-client'
import { sshServer } from '../servers/ssh.mjs'

export const serve = sshServer
export const answer = '42'
export const ask = async () => {
  const client = new Client()
  await client.connect({ host: 'server', username: 'user', password: 'password' })
  const file = await client.get('6 7')
  await client.end()
  return String(file)
}
