/// The few parts of an ELF file that say what a plugin is. Nothing is mapped, every offset is checked, and no bytes make it
/// crash: a damaged file is an error with its reason.
struct ELFFile {
    enum Failure: Error, Equatable {
        /// No shared library at all, or a damaged one.
        case notALibrary(String)
        /// A library for another machine.
        case otherMachine(String)
    }

    /// `count` bytes at `offset`; nil where the file does not have them.
    typealias Source = (_ offset: Int, _ count: Int) -> [UInt8]?

    private let source: Source
    private let segments: Table
    private let sections: Table
    private let namesIndex: Int

    /// A table of equal entries.
    private struct Table {
        var offset: Int
        var entrySize: Int
        var count: Int
    }

    /// Reads and checks the header: a 64-bit little-endian shared library for this machine.
    init(_ source: @escaping Source) throws(Failure) {
        self.source = source
        guard let bytes = source(0, 4), bytes == [0x7F, 0x45, 0x4C, 0x46] else { throw .notALibrary("it is no ELF file") }
        guard let header = source(0, 64) else { throw .notALibrary("its ELF header is cut short") }
        guard header[4] == 2 else { throw .otherMachine("it is for a 32-bit machine") }
        guard header[5] == 1 else { throw .otherMachine("it is for a big-endian machine") }
        let machine = header.int16(18)
        guard machine == ELFFile.ourMachine else {
            throw .otherMachine("it is for \(ELFFile.name(machine)), and this machine is \(ELFFile.name(ELFFile.ourMachine))")
        }
        guard header.int16(16) == 3 else {
            throw .notALibrary(header.int16(16) == 1 ? "it is an object file: link it with -shared" : "it is no shared library")
        }
        segments = Table(offset: header.offset(32), entrySize: header.int16(54), count: header.int16(56))
        sections = Table(offset: header.offset(40), entrySize: header.int16(58), count: header.int16(60))
        namesIndex = header.int16(62)
    }

    /// The descriptor of the first note of an owner and type: in the section of that name, else in any note segment.
    func note(section: String, owner: String, type: Int) -> [UInt8]? {
        for range in noteSections(named: section) + noteSegments() {
            if let found = note(in: range, owner: owner, type: type) { return found }
        }
        return nil
    }

    // MARK: tables

    private func entries(_ table: Table, atLeast size: Int) -> [ArraySlice<UInt8>] {
        guard table.entrySize >= size, table.count > 0, let bytes = source(table.offset, table.entrySize * table.count) else { return [] }
        return (0..<table.count).map { bytes[($0 * table.entrySize)..<(($0 + 1) * table.entrySize)] }
    }

    private func noteSections(named name: String) -> [Range<Int>] {
        let entries = entries(sections, atLeast: 64)
        guard entries.indices.contains(namesIndex) else { return [] }
        let names = entries[namesIndex].range(24, 32)
        guard names.count <= 1 << 20, let text = source(names.lowerBound, names.count) else { return [] }
        let wanted = Array(name.utf8) + [0]
        return entries.filter { entry in
            let start = entry.int32(0)
            return start < text.count && text[start...].starts(with: wanted)
        }.map { $0.range(24, 32) }
    }

    private func noteSegments() -> [Range<Int>] {
        entries(segments, atLeast: 56).filter { $0.int32(0) == 4 }.map { $0.range(8, 32) }
    }

    private func note(in range: Range<Int>, owner: String, type: Int) -> [UInt8]? {
        guard range.count <= 1 << 20, let bytes = source(range.lowerBound, range.count) else { return nil }
        let wanted = Array(owner.utf8) + [0]
        var at = 0
        while at + 12 <= bytes.count {
            let note = bytes[at...]
            let (nameSize, descriptorSize, noteType) = (note.int32(0), note.int32(4), note.int32(8))
            let name = at + 12
            let descriptor = name + (nameSize + 3) / 4 * 4
            guard descriptor + descriptorSize <= bytes.count else { return nil }
            if noteType == type, bytes[name..<(name + nameSize)].elementsEqual(wanted) {
                return Array(bytes[descriptor..<(descriptor + descriptorSize)])
            }
            at = descriptor + (descriptorSize + 3) / 4 * 4
        }
        return nil
    }

    // MARK: machines

    private static var ourMachine: Int {
        #if arch(x86_64)
            62
        #elseif arch(arm64)
            183
        #elseif arch(riscv64)
            243
        #endif
    }

    private static func name(_ machine: Int) -> String {
        [3: "x86", 21: "PowerPC", 22: "S/390", 40: "ARM", 62: "x86-64", 183: "AArch64", 243: "RISC-V"][machine] ?? "machine \(machine)"
    }
}

extension RandomAccessCollection<UInt8> where Index == Int {
    /// Little-endian numbers at an offset from the start. The caller has checked that they are there.
    func int16(_ offset: Int) -> Int { Int(number(offset, 2)) }
    func int32(_ offset: Int) -> Int { Int(number(offset, 4)) }
    func uint64(_ offset: Int) -> UInt64 { number(offset, 8) }

    /// A file offset; one that no file has becomes one that no read succeeds at.
    fileprivate func offset(_ offset: Int) -> Int { Int(exactly: uint64(offset)).map { Swift.min($0, 1 << 48) } ?? 1 << 48 }

    /// The range that an offset and a size make.
    fileprivate func range(_ start: Int, _ size: Int) -> Range<Int> {
        let start = offset(start)
        return start..<(start + offset(size))
    }

    private func number(_ offset: Int, _ size: Int) -> UInt64 {
        (0..<size).reduce(0) { $0 | UInt64(self[startIndex + offset + $1]) << UInt64(8 * $1) }
    }
}
