"""dhcp-flood.py IF ADDRESS COUNT: gets a lease of ADDRESS, then renews it COUNT times. Prints what it was acknowledged."""
import socket, struct, sys

interface, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
MAC = bytes.fromhex('020000000099')
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
sock.bind((interface, 0))
sock.settimeout(10)


def checksum(header):
    total = sum(struct.unpack('!10H', header))
    while total > 0xffff:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff


def frame(options, own='0.0.0.0'):
    message = struct.pack('!BBBBIHH4s12x6s10x192xI', 1, 1, 6, 0, 7, 0, 0, socket.inet_aton(own), MAC, 0x63825363) + options + b'\xff'
    datagram = struct.pack('!HHHH', 68, 67, 8 + len(message), 0) + message
    header = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0, socket.inet_aton(own), b'\xff' * 4)
    header = header[:10] + struct.pack('!H', checksum(header)) + header[12:]
    return b'\xff' * 6 + MAC + b'\x08\x00' + header + datagram


def answer():
    while True:
        data = sock.recv(2048)
        if len(data) > 285 and data[34:38] == b'\x00\x43\x00\x44':
            return data[284], socket.inet_ntoa(data[58:62])


asked = b'\x32\x04' + socket.inet_aton(address)
sock.send(frame(b'\x35\x01\x01' + asked))
print(*answer())
sock.send(frame(b'\x35\x01\x03' + asked + b'\x36\x04' + socket.inet_aton('198.18.0.1')))
print(*answer(), flush=True)
renewal = frame(b'\x35\x01\x03', address)
for _ in range(count):
    sock.send(renewal)
