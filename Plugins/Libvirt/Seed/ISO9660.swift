/// A small CD image built in memory: ISO 9660 with Rock Ridge and Joliet names, files in one directory.
///
/// What cloud-init's NoCloud source wants to find. Nothing is written anywhere until the image is whole, so no temporary
/// file with somebody's keys is left behind.
struct ISO9660 {
    struct File {
        /// The name as the guest sees it: ASCII, at most 64 characters.
        var name: String
        var content: [UInt8]
    }

    static let sector = 2048

    private let label: String
    private let files: [File]
    /// Digits as the volume's dates want them: YYYYMMDDHHMMSS.
    private let time: String

    // Where things lie, in sectors. The first sixteen belong to the system and stay empty.
    private let primary = 16
    private let joliet = 17
    private let terminator = 18
    private let tables = 19
    private let primaryRoot = 23
    private let jolietRoot = 24
    private let firstFile = 25

    init(label: String, files: [File], time: String = "20000101000000") {
        self.label = label
        self.files = files
        self.time = time
    }

    /// The image.
    func bytes() -> [UInt8] {
        var starts: [Int] = []
        var next = firstFile
        for file in files {
            starts.append(next)
            next += max(1, (file.content.count + ISO9660.sector - 1) / ISO9660.sector)
        }
        // Some readers look a little past the end.
        let sectors = next + 2
        var image = [UInt8](repeating: 0, count: sectors * ISO9660.sector)
        func put(_ bytes: [UInt8], at sector: Int) {
            image.replaceSubrange(sector * ISO9660.sector..<sector * ISO9660.sector + bytes.count, with: bytes)
        }
        put(descriptor(type: 1, sectors: sectors), at: primary)
        put(descriptor(type: 2, sectors: sectors), at: joliet)
        put([0xFF] + Array("CD001".utf8) + [1], at: terminator)
        for (offset, (root, isBig)) in [(primaryRoot, false), (primaryRoot, true), (jolietRoot, false), (jolietRoot, true)].enumerated() {
            put(pathTable(root: root, isBig: isBig), at: tables + offset)
        }
        put(directory(root: primaryRoot, starts: starts, isJoliet: false), at: primaryRoot)
        put(directory(root: jolietRoot, starts: starts, isJoliet: true), at: jolietRoot)
        for (file, start) in zip(files, starts) { put(file.content, at: start) }
        return image
    }

    // MARK: Parts

    private func descriptor(type: UInt8, sectors: Int) -> [UInt8] {
        let isJoliet = type == 2
        let root = isJoliet ? jolietRoot : primaryRoot
        func text(_ string: String, _ count: Int) -> [UInt8] {
            guard isJoliet else { return Array((string + String(repeating: " ", count: count)).utf8.prefix(count)) }
            let wide = (string + String(repeating: " ", count: count)).utf16.prefix(count / 2)
            return wide.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] } + [UInt8](repeating: 0, count: count % 2)
        }
        var bytes: [UInt8] = [type] + Array("CD001".utf8) + [1, 0]
        bytes += text("LINUX", 32) + text(label, 32)
        bytes += [UInt8](repeating: 0, count: 8) + both(UInt32(sectors))
        // Joliet's escape sequence: UCS-2, level 3.
        bytes += (isJoliet ? [0x25, 0x2F, 0x45] : []) + [UInt8](repeating: 0, count: isJoliet ? 29 : 32)
        bytes += both16(1) + both16(1) + both16(UInt16(ISO9660.sector)) + both(10)
        let table = tables + (isJoliet ? 2 : 0)
        bytes += little(UInt32(table)) + little(0) + big(UInt32(table + 1)) + big(0)
        bytes += record(identifier: [0], start: root, size: ISO9660.sector, isDirectory: true)
        bytes += text("", 128) + text("", 128) + text("", 128) + text("BERTH", 128)
        bytes += text("", 37) + text("", 37) + text("", 37)
        let date = Array(time.utf8) + Array("00".utf8) + [0]
        let none = [UInt8](repeating: 0x30, count: 16) + [0]
        return bytes + date + date + none + none + [1, 0]
    }

    private func pathTable(root: Int, isBig: Bool) -> [UInt8] {
        [1, 0] + (isBig ? big(UInt32(root)) : little(UInt32(root))) + (isBig ? [0, 1] : [1, 0]) + [0, 0]
    }

    private func directory(root: Int, starts: [Int], isJoliet: Bool) -> [UInt8] {
        var bytes = record(
            identifier: [0], start: root, size: ISO9660.sector, isDirectory: true, more: isJoliet ? [] : RockRidge.root)
        bytes += record(identifier: [1], start: root, size: ISO9660.sector, isDirectory: true, more: isJoliet ? [] : RockRidge.directory)
        // Records stand in the order of their identifiers.
        let order = files.indices.map { (index: $0, identifier: isJoliet ? jolietName(files[$0].name) : shortName($0)) }
            .sorted { $0.identifier.lexicographicallyPrecedes($1.identifier) }
        for (index, identifier) in order {
            let more = isJoliet ? [] : RockRidge.file(named: files[index].name)
            bytes += record(
                identifier: identifier, start: starts[index], size: files[index].content.count, isDirectory: false, more: more)
        }
        return bytes
    }

    /// A name that ISO 9660 itself allows, the same for any file name: `FILE0000.;1`.
    private func shortName(_ index: Int) -> [UInt8] {
        let digits = String(index)
        return Array("FILE\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits).;1".utf8)
    }

    private func jolietName(_ name: String) -> [UInt8] {
        name.utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    }

    private func record(identifier: [UInt8], start: Int, size: Int, isDirectory: Bool, more: [UInt8] = []) -> [UInt8] {
        let digits = Array(time.utf8).map { Int($0) - 0x30 }
        func number(_ range: Range<Int>) -> Int { digits[range].reduce(0) { $0 * 10 + $1 } }
        var body: [UInt8] = [0]
        body += both(UInt32(start)) + both(UInt32(size))
        body += [UInt8(number(0..<4) - 1900), UInt8(number(4..<6)), UInt8(number(6..<8))]
        body += [UInt8(number(8..<10)), UInt8(number(10..<12)), UInt8(number(12..<14)), 0]
        body += [isDirectory ? 2 : 0, 0, 0] + both16(1) + [UInt8(identifier.count)] + identifier
        if identifier.count % 2 == 0 { body.append(0) }
        body += more
        if body.count % 2 == 0 { body.append(0) }
        return [UInt8(body.count + 1)] + body
    }
}

/// Rock Ridge (IEEE P1282): the names and modes that Unix wants, in what ISO 9660 leaves for systems.
private enum RockRidge {
    /// SP says that such entries are there at all, ER which; both only in the root's first record.
    static let root: [UInt8] =
        [0x53, 0x50, 7, 1, 0xBE, 0xEF, 0] + attributes(mode: 0o040555, links: 2)
        + [0x45, 0x52, 18, 1, 10, 0, 0, 1] + Array("RRIP_1991A".utf8)

    static let directory = attributes(mode: 0o040555, links: 2)

    static func file(named name: String) -> [UInt8] {
        attributes(mode: 0o100444, links: 1) + [0x4E, 0x4D, UInt8(5 + name.utf8.count), 1, 0] + Array(name.utf8)
    }

    /// PX: mode, links, owner, group.
    private static func attributes(mode: UInt32, links: UInt32) -> [UInt8] {
        [0x50, 0x58, 36, 1] + both(mode) + both(links) + both(0) + both(0)
    }
}

private func little(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
private func big(_ value: UInt32) -> [UInt8] { little(value).reversed() }
private func both(_ value: UInt32) -> [UInt8] { little(value) + big(value) }
private func both16(_ value: UInt16) -> [UInt8] {
    [UInt8(value & 0xFF), UInt8(value >> 8), UInt8(value >> 8), UInt8(value & 0xFF)]
}
