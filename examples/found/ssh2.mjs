// ssh2 1.17.0: sftp.readdir() never calls back if the connection ends meanwhile.
import { once } from 'node:events'
import { promisify } from 'node:util'
import ssh2 from 'ssh2'
import { at, between } from './network.mjs'

export const promise =
  'SFTP.md, readdir(): "`callback` has 2 parameters: < _Error_ >err, < _mixed_ >list"'
export const options = at('reset', 'src port 22 and greater 500 and less 700')

const hostKeys = [ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private]
const list = sftp => {
  const entries = [{ filename: 'a', longname: 'a'.repeat(400), attrs: {} }]
  sftp.on('OPENDIR', id => sftp.handle(id, Buffer.from('root')))
  sftp.on('READDIR', id => (entries.length ? sftp.name(id, entries.splice(0)) : sftp.status(id, 1)))
  sftp.on('CLOSE', id => sftp.status(id, 0))
}
const greet = connection => {
  connection.on('error', () => {}).on('authentication', context => context.accept())
  connection.on('session', accept => accept().on('sftp', accept => list(accept())))
}
const serve = () => new ssh2.Server({ hostKeys }, greet).listen(22)

export default between(serve, async ({ settles }) => {
  const client = new ssh2.Client().on('error', () => {})
  await once(client.connect({ host: 'server', username: 'me', password: 'secret' }), 'ready')
  const sftp = await promisify(client.sftp).call(client)
  await settles(Promise.allSettled([promisify(sftp.readdir).call(sftp, '/')]), { within: '8s' })
  client.end()
})
