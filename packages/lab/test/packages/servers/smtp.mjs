/** Answers a mail with `A times B` in it with the product. */
import { SMTPServer } from 'smtp-server'

export const smtpServer = () =>
  new Promise(resolve => {
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      disableReverseLookup: true,
      onData(stream, _session, done) {
        let text = ''
        stream.on('data', data => {
          text += data
        })
        stream.on('end', () => {
          const [, a, b] = /(\d+) times (\d+)/.exec(text)
          done(null, `product ${a * b}`)
        })
      },
    })
    server.on('error', () => {})
    server.listen(25, () => resolve(() => new Promise(closed => server.close(closed))))
  })
