import Glibc

/// A terminal in raw mode, on its other screen (`tcsetattr(3)`); as it was when this is gone.
struct Screen: ~Copyable {
    private var before = termios()

    static var isThere: Bool { isatty(0) == 1 && isatty(1) == 1 }

    init() {
        tcgetattr(0, &before)
        var raw = before
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
        tcsetattr(0, TCSANOW, &raw)
        Screen.write("\u{1B}[?1049h\u{1B}[?25l")
    }

    deinit {
        Screen.write("\u{1B}[?25h\u{1B}[?1049l")
        var before = before
        tcsetattr(0, TCSANOW, &before)
    }

    var size: (width: Int, height: Int) {
        var size = winsize()
        guard ioctl(1, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Draws all lines in one go; what was there before is overwritten, so that nothing flickers.
    func draw(_ lines: [String]) {
        let body = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
        Screen.write("\u{1B}[H" + body + "\u{1B}[J")
    }

    enum Key: Equatable {
        case up, down, enter, escape
        case letter(Character)
    }

    /// The next key, or nil when none comes in time.
    func key(milliseconds: Int32) -> Key? {
        var item = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        guard poll(&item, 1, milliseconds) > 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = read(0, &bytes, bytes.count)
        // The end of the terminal, and Ctrl-C, which comes as a key here, so that the terminal is put right again.
        guard count > 0, bytes[0] != 0x03 else { return .letter("q") }
        if bytes[0] == 0x1B { return count > 2 ? (bytes[2] == 0x41 ? .up : bytes[2] == 0x42 ? .down : nil) : .escape }
        if bytes[0] == 0x0A || bytes[0] == 0x0D { return .enter }
        return .letter(Character(Unicode.Scalar(bytes[0])))
    }

    private static func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.write(1, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
                guard count > 0 else { return }
                sent += count
            }
        }
    }
}
