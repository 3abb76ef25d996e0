// Makes functions of Go files return zero values at once. Usage: vulcan_empty.go ROOT JSON, where JSON is {"path": [lines]}:
// of each file the innermost functions that these lines lie in. Prints how many were emptied.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

type function struct {
	kind *ast.FuncType
	body *ast.BlockStmt
	from int
	to   int
}

func main() {
	wanted := map[string][]int{}
	must(json.Unmarshal([]byte(os.Args[2]), &wanted))
	count := 0
	for path, lines := range wanted {
		count += empty(filepath.Join(os.Args[1], path), lines)
	}
	fmt.Println(count)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func empty(path string, lines []int) int {
	source, err := os.ReadFile(path)
	must(err)
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, source, 0)
	must(err)
	chosen := innermost(functions(files, file), lines)
	sort.Slice(chosen, func(a, b int) bool { return chosen[a].body.Lbrace > chosen[b].body.Lbrace })
	text := string(source)
	for _, each := range chosen {
		place := files.Position(each.body.Lbrace).Offset + 1
		text = text[:place] + " " + zeros(files, source, each.kind) + "; " + text[place:]
	}
	must(os.WriteFile(path, []byte(text), 0o644))
	return len(chosen)
}

func functions(files *token.FileSet, file *ast.File) []function {
	found := []function{}
	add := func(node ast.Node, kind *ast.FuncType, body *ast.BlockStmt) {
		if body != nil {
			from, to := files.Position(node.Pos()).Line, files.Position(node.End()).Line
			found = append(found, function{kind, body, from, to})
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch each := node.(type) {
		case *ast.FuncDecl:
			add(each, each.Type, each.Body)
		case *ast.FuncLit:
			add(each, each.Type, each.Body)
		}
		return true
	})
	return found
}

// innermost picks for each line the smallest function around it; outer ones come first in the list.
func innermost(all []function, lines []int) []function {
	chosen := map[int]bool{}
	for _, line := range lines {
		best := -1
		for n, each := range all {
			if each.from <= line && line <= each.to && (best < 0 || each.to-each.from <= all[best].to-all[best].from) {
				best = n
			}
		}
		if best >= 0 {
			chosen[best] = true
		}
	}
	found := []function{}
	for n := range chosen {
		found = append(found, all[n])
	}
	return found
}

func zeros(files *token.FileSet, source []byte, kind *ast.FuncType) string {
	if kind.Results == nil {
		return "return"
	}
	values := []string{}
	for _, field := range kind.Results.List {
		text := string(source[files.Position(field.Type.Pos()).Offset:files.Position(field.Type.End()).Offset])
		for n := 0; n < max1(len(field.Names)); n++ {
			values = append(values, "*new("+text+")")
		}
	}
	return "return " + strings.Join(values, ", ")
}

func max1(n int) int {
	if n < 1 {
		return 1
	}
	return n
}
