// Shared by the servers of this folder.

/** If a module is the program that runs, starts its server on the port of the command line. */
export function main({ filename }, serve) {
  if (process.argv[1] === filename) {
    serve(process.argv[2]).once('listening', () => console.log('ready'))
  }
}

/** Calls `use` with each line of a socket, without its end. Its replies leave together. */
export function eachLine(socket, use) {
  let rest = ''
  socket.setEncoding('latin1').on('error', () => {})
  socket.on('data', text => {
    const lines = (rest + text).split(/\r?\n/)
    rest = lines.pop()
    socket.cork()
    for (const line of lines) {
      use(line)
    }
    socket.uncork()
  })
}

/**
 * Calls `use` with each message of a socket, as bytes. `lengthOf` returns the length of the message
 * that some bytes start with, or Infinity if they are too few to show it.
 */
export function eachMessage(socket, lengthOf, use) {
  let bytes = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', part => {
    bytes = Buffer.concat([bytes, part])
    socket.cork()
    for (let length = lengthOf(bytes); length <= bytes.length; length = lengthOf(bytes)) {
      const message = bytes.subarray(0, length)
      bytes = bytes.subarray(length)
      use(message)
    }
    socket.uncork()
  })
}

/** Integers of 2 and of 4 bytes, the highest first, as text in latin1. */
export const int16 = n => String.fromCharCode((n >> 8) & 255, n & 255)
export const int32 = n => int16(n >> 16) + int16(n)
