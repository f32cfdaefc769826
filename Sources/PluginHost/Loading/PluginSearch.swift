import Glibc
import Model

/// Finds a module's file in the plugin path.
struct PluginSearch {
    let path: [String]

    /// The first file of that name, of `libNAME.so`, or of either in another case; nil: there is none.
    func find(_ module: String) -> String? {
        if module.hasPrefix("/") { return access(module, F_OK) == 0 ? module : nil }
        let names = module.contains("/") ? [module] : [module, "lib\(module)"]
        for folder in path {
            if let exact = names.map({ join(folder, $0) }).first(where: { access($0, F_OK) == 0 }) { return exact }
            let lower = names.map { $0.lowercased() }
            if let other = entries(folder).first(where: { lower.contains($0.lowercased()) }) { return join(folder, other) }
        }
        return nil
    }

    /// A library in the plugin path whose name is nearest to one that is not there.
    func nearestName(to module: String) -> String? {
        nearest(
            module,
            among: path.flatMap(entries).filter { $0.hasSuffix(".so") }.flatMap {
                [$0, $0.hasPrefix("lib") ? String($0.dropFirst(3)) : $0]
            })
    }

    /// `opendir`, `readdir`.
    private func entries(_ folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.sorted()
    }
}
