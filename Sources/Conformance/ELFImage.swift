import Glibc

/// What the static checks need of a shared library: its exported symbols, dynamic flags and segments. Every offset is
/// checked; what is not there is simply not found.
struct ELFImage {
    private let bytes: [UInt8]

    private struct Section {
        var type: Int
        var offset: Int
        var size: Int
        var link: Int
        var entrySize: Int
    }

    init?(path: String) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size < 1 << 30 else { return nil }
        let size = Int(status.st_size)
        bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let got = pread(descriptor, buffer.baseAddress.map { $0 + count }, size - count, off_t(count))
                guard got > 0 else { return }
                count += got
            }
        }
        guard bytes.count >= 64, bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]) else { return nil }
    }

    /// Defined symbols that others can see, in the order of the table. Linker's own names (`_init`, `_edata` …) are no
    /// one's functions and left out.
    var exports: [String] {
        let sections = sections
        guard let table = sections.first(where: { $0.type == 11 }), sections.indices.contains(table.link) else { return [] }
        let names = sections[table.link]
        let own: Set<String> = ["_init", "_fini", "_edata", "_end", "__bss_start"]
        return stride(from: table.offset, to: table.offset + table.size - 23, by: 24).compactMap { at in
            guard let name = number(at, 4), let info = number(at + 4, 1), let place = number(at + 6, 2) else { return nil }
            // Defined (not SHN_UNDEF), global or weak.
            guard place != 0, place != 0xFFF1 || info & 15 != 0, [1, 2].contains(info >> 4), name < names.size else { return nil }
            let text = text(names.offset + name)
            return text.isEmpty || own.contains(text) ? nil : text
        }
    }

    /// `DT_TEXTREL` or `DF_TEXTREL`: code that is written to when it is loaded.
    var hasTextRelocations: Bool {
        dynamic.contains { $0.tag == 22 || $0.tag == 30 && $0.value & 4 != 0 }
    }

    /// `PT_GNU_STACK` with the executable bit.
    var wantsExecutableStack: Bool {
        segments.contains { $0.type == 0x6474_E551 && $0.flags & 1 != 0 }
    }

    private var dynamic: [(tag: Int, value: Int)] {
        guard let segment = segments.first(where: { $0.type == 2 }) else { return [] }
        return stride(from: segment.offset, to: segment.offset + segment.size - 15, by: 16).compactMap { at in
            guard let tag = number(at, 8), let value = number(at + 8, 8) else { return nil }
            return (tag, value)
        }
    }

    private var segments: [(type: Int, flags: Int, offset: Int, size: Int)] {
        table(offset: 32, entrySize: 54, count: 56, atLeast: 56).compactMap { at in
            guard let type = number(at, 4), let flags = number(at + 4, 4), let offset = number(at + 8, 8), let size = number(at + 32, 8),
                offset <= bytes.count, size <= bytes.count - offset
            else { return nil }
            return (type, flags, offset, size)
        }
    }

    private var sections: [Section] {
        table(offset: 40, entrySize: 58, count: 60, atLeast: 64).map { at in
            let section = Section(
                type: number(at + 4, 4) ?? 0, offset: number(at + 24, 8) ?? 0, size: number(at + 32, 8) ?? 0, link: number(at + 40, 4) ?? 0,
                entrySize: number(at + 56, 8) ?? 0)
            let isInside = section.offset <= bytes.count && section.size <= bytes.count - section.offset
            return isInside ? section : Section(type: 0, offset: 0, size: 0, link: 0, entrySize: 0)
        }
    }

    /// The offsets of the entries of one of the header's two tables.
    private func table(offset: Int, entrySize: Int, count: Int, atLeast: Int) -> [Int] {
        guard let start = number(offset, 8), let size = number(entrySize, 2), let entries = number(count, 2), size >= atLeast,
            start <= bytes.count, entries * size <= bytes.count - start
        else { return [] }
        return (0..<entries).map { start + $0 * size }
    }

    private func number(_ at: Int, _ size: Int) -> Int? {
        guard at >= 0, at + size <= bytes.count else { return nil }
        let value = (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[at + $1]) << UInt64(8 * $1) }
        return Int(exactly: value)
    }

    private func text(_ at: Int) -> String {
        String(decoding: bytes[min(at, bytes.count)...].prefix { $0 != 0 }, as: UTF8.self)
    }
}
