import Glibc
import JSON
import PluginKit

/// The cards on the desk: one JSON file a board. A card is written beside and then renamed, so nobody sees half of one.
struct Cards {
    let folder: String

    init(in folder: String) throws(DriverError) {
        self.folder = folder
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw .unreachable("cannot make \(folder)", native: Cards.words(errno)) }
    }

    /// `opendir`, `readdir`.
    func names() throws(DriverError) -> [String] {
        guard let stream = opendir(folder) else { throw .unreachable("cannot read \(folder)", native: Cards.words(errno)) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name.hasPrefix("board-"), name.hasSuffix(".json") { names.append(String(name.dropLast(5))) }
        }
        return names.sorted()
    }

    /// Those that are still there when their turn comes.
    func all() throws(DriverError) -> [Machine] {
        var machines: [Machine] = []
        for name in try names() {
            do throws(DriverError) {
                machines.append(try read(name))
            } catch  where error.status == .notFound {
                continue
            }
        }
        return machines
    }

    func read(_ id: String) throws(DriverError) -> Machine {
        guard let file = fopen(try path(id), "re") else { throw .notFound("no board \(id)") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        bytes.removeLast(bytes.count - fread(&bytes, 1, bytes.count, file))
        guard let card = try? JSON(parsing: bytes), let state = card["state"]?.string.flatMap(MachineState.init) else {
            throw .broken("the card of \(id) cannot be read")
        }
        return Machine(
            id: id, state: state, name: card["name"]?.string, key: card["key"]?.string, cpus: card["cpus"]?.double,
            memoryMiB: card["memory_mib"]?.int, node: "desk", image: card["image"]?.string)
    }

    func write(_ machine: Machine) throws(DriverError) {
        let card: JSON = [
            "state": .string(machine.state.rawValue), "name": JSON(machine.name), "key": JSON(machine.key),
            "cpus": machine.cpus.map(JSON.double) ?? .null, "memory_mib": JSON(machine.memoryMiB), "image": JSON(machine.image),
        ]
        let target = try path(machine.id)
        let draft = "\(folder)/.\(machine.id).\(getpid())"
        let bytes = card.bytes
        let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let isWritten = file >= 0 && Glibc.write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
        if file >= 0 { close(file) }
        guard isWritten, rename(draft, target) == 0 else {
            // Nobody knows what reached the disk: `retry`, and the host asks again with the same key.
            throw .retry("cannot write \(target)", native: Cards.words(errno))
        }
    }

    func remove(_ id: String) throws(DriverError) {
        guard unlink(try path(id)) == 0 || errno == ENOENT else { throw .retry("cannot remove \(id)", native: Cards.words(errno)) }
    }

    /// Ids come from outside: one that is no card's name is simply not there.
    private func path(_ id: String) throws(DriverError) -> String {
        let isName = id.utf8.allSatisfy { $0 == 0x2d || $0 == 0x5f || (0x30...0x39).contains($0) || (0x61...0x7a).contains($0 | 0x20) }
        guard isName, id.hasPrefix("board-"), id.utf8.count <= 100 else { throw .notFound("no board \(id)") }
        return "\(folder)/\(id).json"
    }

    private static func words(_ code: Int32) -> String { String(cString: strerror(code)) }
}
