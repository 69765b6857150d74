/** Runs a command `A B` by writing the product, and has one file of that name for SFTP. */
import ssh2 from 'ssh2'

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp
/** Of one in 230 keys of ed25519, this package cannot read its own form. */
const hostKeys = [ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 }).private]
const productOf = text => `${text.split(' ').reduce((a, b) => a * b)}`

function serveSftp(sftp) {
  const open = new Map()
  sftp.on('OPEN', (id, name, flags) => {
    if (!(flags & OPEN_MODE.READ)) return sftp.status(id, STATUS_CODE.FAILURE)
    const handle = Buffer.from([open.size])
    open.set(open.size, Buffer.from(productOf(name)))
    sftp.handle(id, handle)
  })
  sftp.on('FSTAT', (id, [file]) =>
    sftp.attrs(id, {
      mode: 0o100644,
      uid: 0,
      gid: 0,
      size: open.get(file).length,
      atime: 0,
      mtime: 0,
    }),
  )
  sftp.on('READ', (id, [file], offset, length) => {
    const data = open.get(file).subarray(offset, offset + length)
    if (data.length === 0) {
      sftp.status(id, STATUS_CODE.EOF)
    } else {
      sftp.data(id, data)
    }
  })
  sftp.on('CLOSE', id => sftp.status(id, STATUS_CODE.OK))
}

export const sshServer = () =>
  new Promise(resolve => {
    const clients = new Set()
    const server = new ssh2.Server({ hostKeys }, client => {
      clients.add(client)
      client.on('error', () => {}).on('authentication', context => context.accept())
      client.on('session', accept => {
        const session = accept()
        session.on('sftp', take => serveSftp(take()))
        session.on('exec', (take, _reject, { command }) => {
          const stream = take()
          stream.write(productOf(command))
          stream.exit(0)
          stream.end()
        })
      })
    })
    const close = () =>
      new Promise(closed => {
        server.close(closed)
        for (const client of clients) {
          client.end()
        }
      })
    server.listen(22, () => resolve(close))
  })
